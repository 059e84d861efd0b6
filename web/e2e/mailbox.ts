type Letter = { id: number; subject: string; text?: string };

/** The mails that the site sent, as the mail server of the sandbox shows them (test/images/outside/mail). */
export class Mailbox {
  readonly #address: string;

  /** address is the page that shows the mails, such as http://127.0.0.1:8025. */
  constructor(address: string) {
    this.#address = address;
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(this.#address + path, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`${this.#address}${path} answers ${answer.status}`);
    return (await answer.json()) as T;
  }

  /** The newest mail to this address whose link leads to a page of the site, once one is there. */
  async link(to: string, page: string): Promise<string> {
    const deadline = Date.now() + 60_000;
    let seen: Letter[] = [];
    while (Date.now() < deadline) {
      seen = await this.#get<Letter[]>(`/letters?to=${encodeURIComponent(to)}`);
      for (const { id } of seen) {
        const { text = "" } = await this.#get<Letter>(`/letters/${id}`);
        const link = new RegExp(`https://\\S+/${page}#token=[\\w-]+`).exec(text)?.[0];
        if (link) return link;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`no mail to ${to} with a link to /${page}; these came: ${seen.map((letter) => letter.subject).join(", ") || "none"}`);
  }
}
