import { screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { ada, fakeApi, open, problem } from "./site.tsx";

describe("states", () => {
  it("has a page for an unknown address", async () => {
    fakeApi({});
    const { user } = open("/no/such/page");
    expect(await screen.findByRole("heading", { name: "Page not found" })).toBeVisible();
    expect(document.title).toBe("Page not found · Stack");
    await user.click(screen.getByRole("link", { name: "Go to the home page" }));
    expect(await screen.findByRole("heading", { name: "A quiet place for your account" })).toBeVisible();
    expect(document.title).toBe("Stack · A quiet place for your account");
  });

  it("tells when the site is away, and works after another try", async () => {
    let down = true;
    fakeApi({ "GET /users/me": () => (down ? problem(503, "Unavailable", { request_id: "r-17" }) : { status: 200, body: ada }) });
    const { user } = open("/account");
    expect(await screen.findByText("Loading…")).toBeVisible();
    expect(await screen.findByRole("alert")).toHaveTextContent("The site is busy or being updated.");
    expect(screen.getByText("r-17")).toBeVisible();
    down = false;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("heading", { name: "Your account" })).toBeVisible();
  });

  it("shows the home page while the API is away", async () => {
    fakeApi({ "GET /users/me": () => problem(503, "Unavailable") });
    open("/");
    expect(await screen.findByRole("link", { name: "Create an account" })).toBeVisible();
  });

  it("greets who is logged in", async () => {
    fakeApi({ "GET /users/me": () => ({ status: 200, body: ada }) });
    open("/");
    expect(await screen.findByRole("link", { name: "Go to your account" })).toHaveAttribute("href", "/account");
  });
});
