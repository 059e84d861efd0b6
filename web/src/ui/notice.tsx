import { useLocation } from "@tanstack/react-router";
import { createContext, use, useCallback, useMemo, useState, type ReactNode } from "react";
import { Alert } from "./alert.tsx";

export type Notice = { kind: "good" | "bad"; text: string };

type Board = { notice: Notice | undefined; page: string; post: (notice: Notice) => void };

const BoardContext = createContext<Board | undefined>(undefined);

function useBoard(): Board {
  const board = use(BoardContext);
  if (!board) throw new Error("useNotice needs a NoticeProvider above it");
  return board;
}

/** Keeps one message that outlives the page that caused it, until the next change of page. */
export function NoticeProvider({ children }: { children: ReactNode }) {
  const [posted, setPosted] = useState<{ notice: Notice | undefined; page: string }>({ notice: undefined, page: "" });
  const post = useCallback((notice: Notice) => { setPosted({ notice, page: window.location.pathname }); }, []);
  const board = useMemo(() => ({ ...posted, post }), [posted, post]);
  return <BoardContext value={board}>{children}</BoardContext>;
}

/** Posts a message; call it after the navigation that it belongs to. */
export function useNotice(): (notice: Notice) => void {
  return useBoard().post;
}

export function NoticeLine() {
  const { notice, page } = useBoard();
  const path = useLocation({ select: (location) => location.pathname });
  return <div className="notice">{notice && page === path && <Alert kind={notice.kind}>{notice.text}</Alert>}</div>;
}
