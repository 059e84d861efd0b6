import { Link } from "@tanstack/react-router";
import { useMe } from "../api/session.ts";
import { useTitle } from "../ui/page.tsx";

const facts = [
  { title: "Your password stays secret", text: "It is stored as an argon2id hash that nobody can turn back, and long passphrases are welcome." },
  { title: "Out means out", text: "Your login is kept on the server. When you log out it ends there at once, not only in this browser." },
  { title: "Nobody looks over your shoulder", text: "No trackers, no third-party scripts, and nothing about your login in the browser’s storage." },
] as const;

export function HomePage() {
  useTitle("Stack · A quiet place for your account");
  return (
    <article className="page home">
      <section className="hero">
        <h1 tabIndex={-1}>A quiet place for your account</h1>
        <p className="lead">Sign up with an e-mail address, keep a profile, and know that it is looked after.</p>
        <Entrance />
      </section>
      <section aria-labelledby="facts">
        <h2 id="facts" className="hidden">What you can rely on</h2>
        <ul className="cards">
          {facts.map((fact) => (
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
  if (me.data) {
    return <p className="actions"><Link to="/account" className="button">Go to your account</Link></p>;
  }
  return (
    <p className="actions">
      <Link to="/signup" className="button">Create an account</Link>
      <Link to="/login" className="button quiet">Log in</Link>
    </p>
  );
}
