import { useLocation, useRouter } from "@tanstack/react-router";
import { createContext, use, useMemo, useState, type ReactNode } from "react";
import { Alert } from "./alert.tsx";

export type Notice = { kind: "good" | "bad"; text: string };

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
  const path = useLocation({ select: (location) => location.pathname });
  const notice = posted?.page === path ? posted.notice : undefined;
  // The region is there before its text: one that comes with it is not read out by all.
  return (
    <>
      <div className="notice" role="status">{notice?.kind === "good" && <p className="alert good">{notice.text}</p>}</div>
      {notice?.kind === "bad" && <div className="notice"><Alert kind="bad">{notice.text}</Alert></div>}
    </>
  );
}
