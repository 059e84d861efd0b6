import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { NoticeProvider } from "./ui/notice.tsx";
import type { SiteRouter } from "./router.tsx";

export function App({ queries, router }: { queries: QueryClient; router: SiteRouter }) {
  return (
    <QueryClientProvider client={queries}>
      <NoticeProvider>
        <RouterProvider router={router} />
      </NoticeProvider>
    </QueryClientProvider>
  );
}
