import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

// A condition is waited for as long as a busy machine may need.
configure({ asyncUtilTimeout: 10_000 });

// jsdom has no scrolling.
beforeEach(() => {
  vi.stubGlobal("scrollTo", () => undefined);
});

afterEach(cleanup);
