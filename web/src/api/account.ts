import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./api.ts";
import { answer } from "./client.ts";
import { meQuery } from "./session.ts";

const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: async ({ signal }) => (await answer(api.http.GET("/users/me/sessions", { signal }))).sessions,
});

export function useSessions() {
  return useQuery(sessionsQuery);
}

export function useEndSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => answer(api.http.DELETE("/users/me/sessions/{id}", { params: { path: { id } } })),
    // Also after a refusal: the session may have ended by itself.
    onSettled: () => queries.invalidateQueries(sessionsQuery),
  });
}

export function useEndOtherSessions() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.http.DELETE("/users/me/sessions")),
    onSettled: () => queries.invalidateQueries(sessionsQuery),
  });
}

/** Changes the password; the other sessions end and this one gets a new cookie. */
export function useChangePassword() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { current_password?: string; new_password: string }) => answer(api.http.PUT("/users/me/password", { body })),
    onSuccess: () => {
      api.forgetToken();
      void queries.invalidateQueries(sessionsQuery);
      void queries.invalidateQueries(meQuery);
    },
  });
}

export function useDeleteAccount() {
  return useMutation({
    mutationFn: (body: { password?: string }) => answer(api.http.DELETE("/users/me", { body })),
    onSuccess: () => { api.forgetToken(); },
  });
}

export function useAskVerification() {
  return useMutation({ mutationFn: () => answer(api.http.POST("/users/me/verification")) });
}

export function useVerifyEmail() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (token: string) => answer(api.http.PUT("/users/me/verification", { body: { token } })),
    onSuccess: (user) => { queries.setQueryData(meQuery.queryKey, user); },
  });
}

export function useForgotPassword() {
  return useMutation({ mutationFn: (email: string) => answer(api.http.POST("/auth/password/forgot", { body: { email } })) });
}

/** Sets a password with the token of a mail; every session of the user ends. */
export function useResetPassword() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { token: string; password: string }) => answer(api.http.POST("/auth/password/reset", { body })),
    onSuccess: () => {
      api.forgetToken();
      queries.setQueryData(meQuery.queryKey, null);
    },
  });
}
