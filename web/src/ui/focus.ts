import { useEffect, useRef, type RefObject } from "react";

/** A place for the focus when what had it is gone; give the element tabIndex -1. */
export function useFocusPlace<T extends HTMLElement>(): [RefObject<T | null>, () => void] {
  const place = useRef<T>(null);
  return [place, () => { place.current?.focus(); }];
}

/** Takes the focus to what has just appeared in the place of what had it. */
export function useFocusFirst<T extends HTMLElement>(): RefObject<T | null> {
  const place = useRef<T>(null);
  useEffect(() => { place.current?.focus(); }, []);
  return place;
}
