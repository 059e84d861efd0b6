import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { NoticeProvider } from "./ui/notice.tsx";
import { SpeechProvider, type Spoken } from "./words/provider.tsx";
import type { SiteRouter } from "./router.tsx";

export function App({ queries, router, spoken }: { queries: QueryClient; router: SiteRouter; spoken: Spoken }) {
  return (
    <QueryClientProvider client={queries}>
      <SpeechProvider first={spoken}>
        <NoticeProvider>
          <RouterProvider router={router} />
        </NoticeProvider>
      </SpeechProvider>
    </QueryClientProvider>
  );
}
