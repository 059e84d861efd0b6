import { more, type More } from "./english-more.tsx";
import { useWords } from "./provider.tsx";

/** What the pages say that are not loaded at first, in the language of the page. Only they may use it: English comes along. */
export function useMore(): More {
  return useWords().more ?? more;
}
