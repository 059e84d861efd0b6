import { useState } from "react";

/** The picture at url, or the first letter of the name where there is none or it fails to load. Decoration: the name stands beside it. */
export function Avatar({ url, name }: { url: string; name: string }) {
  const [broken, setBroken] = useState("");
  if (url && url !== broken) {
    return <img className="avatar" src={url} alt="" width="72" height="72" referrerPolicy="no-referrer" onError={() => { setBroken(url); }} />;
  }
  const first = new Intl.Segmenter().segment(name.trim()).containing(0)?.segment ?? "?";
  return <span className="avatar letter" aria-hidden="true">{first.toUpperCase()}</span>;
}
