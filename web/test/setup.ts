import "@testing-library/jest-dom/vitest";
import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";

// jsdom has no scrolling.
beforeEach(() => {
  vi.stubGlobal("scrollTo", () => undefined);
});

afterEach(cleanup);
