import { createServer, type Server, type Socket } from "node:net";

export type Letter = { to: string; text: string };

/** Takes mail over SMTP (RFC 5321, without TLS) and keeps it: for a server on this machine whose SMTP_HOST and SMTP_PORT lead here. */
export class Mailbox {
  readonly #letters: Letter[] = [];
  readonly #server: Server;

  constructor(listen: string) {
    const [host, port] = listen.split(":");
    this.#server = createServer((socket) => { this.#serve(socket); });
    this.#server.listen(Number(port), host);
  }

  close(): void {
    this.#server.close();
  }

  /** The first link to a page of the site in a mail to this address, once one is there. */
  async link(to: string, page: string): Promise<string> {
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      for (const letter of this.#letters) {
        const link = letter.to === to ? new RegExp(`/${page}#token=[\\w-]+`).exec(letter.text)?.[0] : undefined;
        if (link) return link;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`no mail to ${to} with a link to /${page}; mails to ${this.#letters.map((letter) => letter.to).join(", ") || "nobody"} came`);
  }

  #serve(socket: Socket): void {
    let buffer = "";
    let data = false;
    let to = "";
    const answers: readonly (readonly [string, string])[] = [["EHLO", "250-mailbox\r\n250 8BITMIME"], ["HELO", "250 mailbox"], ["MAIL", "250 ok"], ["RSET", "250 ok"], ["NOOP", "250 ok"], ["QUIT", "221 bye"]];
    const line = (text: string) => {
      const command = text.slice(0, 4).toUpperCase();
      if (command === "RCPT") to = /<([^>]+)>/.exec(text)?.[1] ?? "";
      if (command === "DATA") data = true;
      const answer = command === "RCPT" ? "250 ok" : command === "DATA" ? "354 go on" : answers.find(([name]) => name === command)?.[1];
      socket.write(`${answer ?? "500 what?"}\r\n`);
      if (command === "QUIT") socket.end();
    };
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      buffer += chunk.toString("utf8");
      for (;;) {
        const end = buffer.indexOf(data ? "\r\n.\r\n" : "\r\n");
        if (end < 0) return;
        const text = buffer.slice(0, end);
        buffer = buffer.slice(end + (data ? 5 : 2));
        if (data) {
          this.#letters.push({ to, text: decode(text) });
          data = false;
          socket.write("250 kept\r\n");
        } else line(text);
      }
    });
    socket.write("220 mailbox\r\n");
  }
}

/** Undoes quoted-printable (RFC 2045, 6.7), which folds long links. */
function decode(text: string): string {
  return text.replaceAll("=\r\n", "").replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
