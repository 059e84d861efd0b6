import { Link } from "@tanstack/react-router";
import { useMe } from "../api/session.ts";
import { useTitle } from "../ui/page.tsx";
import { useWords } from "../words/provider.tsx";

export function HomePage() {
  const words = useWords();
  useTitle(words.home.tab);
  return (
    <article className="page home">
      <section className="hero">
        <h1 tabIndex={-1}>{words.home.title}</h1>
        <p className="lead">{words.home.lead}</p>
        <Entrance />
      </section>
      <section aria-labelledby="facts">
        <h2 id="facts" className="hidden">{words.home.rely}</h2>
        <ul className="cards">
          {words.home.facts.map((fact) => (
            <li key={fact.title} className="card">
              <h3>{fact.title}</h3>
              <p>{fact.text}</p>
            </li>
          ))}
        </ul>
      </section>
    </article>
  );
}

function Entrance() {
  const me = useMe();
  const words = useWords();
  if (me.data) {
    return <p className="actions"><Link to="/account" className="button">{words.home.toAccount}</Link></p>;
  }
  return (
    <p className="actions">
      <Link to="/signup" className="button">{words.home.create}</Link>
      <Link to="/login" className="button quiet">{words.login.title}</Link>
    </p>
  );
}
