import { describe, expect, it } from "vitest";
import pages from "../pages.json" with { type: "json" };
import { createQueries } from "../src/queries.ts";
import { createSiteRouter } from "../src/router.tsx";

describe("the pages that the server knows", () => {
  it("are those of the router: any other path is answered 404", () => {
    expect(Object.keys(createSiteRouter(createQueries()).routesByPath).toSorted()).toEqual(pages.toSorted());
  });
});
