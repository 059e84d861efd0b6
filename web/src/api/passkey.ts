import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./api.ts";
import { answer } from "./client.ts";
import { meQuery } from "./session.ts";

const load = () => import("../passkey.ts");

/** Whether this browser can use passkeys at all. */
export function passkeysWork(): boolean {
  return "PublicKeyCredential" in window;
}

/** Logs in with a passkey: alone, or as the second step of a login that waits for one. */
export function usePasskeyLogin(step: "alone" | "second") {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const passkey = await load();
      return step === "alone" ? passkey.logIn() : passkey.enter();
    },
    onSuccess: (user) => {
      api.forgetToken();
      queries.setQueryData(meQuery.queryKey, user);
    },
  });
}

export function useProveByPasskey() {
  return useMutation({ mutationFn: async () => (await load()).prove() });
}

const passkeysQuery = queryOptions({
  queryKey: ["passkeys"],
  queryFn: async ({ signal }) => (await answer(api.http.GET("/users/me/passkeys", { signal }))).passkeys,
});

export function usePasskeys() {
  return useQuery(passkeysQuery);
}

function usePasskeysChanged() {
  const queries = useQueryClient();
  return () => Promise.all([passkeysQuery.queryKey, meQuery.queryKey, ["factor"], ["sessions"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
}

/** Adds a passkey; the first second factor brings recovery codes, and a new cookie. */
export function useAddPasskey() {
  const changed = usePasskeysChanged();
  return useMutation({
    mutationFn: async (name: string) => (await (await load()).add(name)).codes,
    onSuccess: (codes) => {
      if (codes.length > 0) api.forgetToken();
      void changed();
    },
  });
}

export function useRenamePasskey() {
  const changed = usePasskeysChanged();
  return useMutation({
    mutationFn: ({ id, name }: { id: string; name: string }) => answer(api.http.PATCH("/users/me/passkeys/{id}", { params: { path: { id } }, body: { name } })),
    onSuccess: changed,
  });
}

export function useRemovePasskey() {
  const changed = usePasskeysChanged();
  return useMutation({
    mutationFn: (id: string) => answer(api.http.DELETE("/users/me/passkeys/{id}", { params: { path: { id } } })),
    onSuccess: changed,
  });
}
