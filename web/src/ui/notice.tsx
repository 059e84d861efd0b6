import { useLocation, useRouter } from "@tanstack/react-router";
import { createContext, use, useMemo, useState, type ReactNode } from "react";
import type { Words } from "../words/english.tsx";
import { useWords } from "../words/provider.tsx";
import { Alert } from "./alert.tsx";

/** What is said, in the language that the page is in while it stands there. */
export type Notice = { kind: "good" | "bad"; text: (words: Words) => string };

type Posted = { notice: Notice; page: string };
type Board = { posted: Posted | undefined; post: (posted: Posted) => void };

const BoardContext = createContext<Board | undefined>(undefined);

function useBoard(): Board {
  const board = use(BoardContext);
  if (!board) throw new Error("useNotice needs a NoticeProvider above it");
  return board;
}

/** Keeps one message that outlives the page that caused it, until the next change of page. */
export function NoticeProvider({ children }: { children: ReactNode }) {
  const [posted, post] = useState<Posted>();
  const board = useMemo(() => ({ posted, post }), [posted]);
  return <BoardContext value={board}>{children}</BoardContext>;
}

/** Posts a message on the page that is open; call it after the navigation that it belongs to. */
export function useNotice(): (notice: Notice) => void {
  const { post } = useBoard();
  const router = useRouter();
  return (notice) => { post({ notice, page: router.state.location.pathname }); };
}

export function NoticeLine() {
  const { posted } = useBoard();
  const words = useWords();
  const path = useLocation({ select: (location) => location.pathname });
  const notice = posted?.page === path ? posted.notice : undefined;
  // The region is there before its text: one that comes with it is not read out by all.
  return (
    <>
      <div className="notice" role="status">{notice?.kind === "good" && <p className="alert good">{notice.text(words)}</p>}</div>
      {notice?.kind === "bad" && <div className="notice"><Alert kind="bad">{notice.text(words)}</Alert></div>}
    </>
  );
}
