type Graph = { getModuleInfo: (id: string) => { readonly importedIds: readonly string[] } | null };

/**
 * Names one chunk for all that the entry imports at once: modules that later pages
 * use, too, would be in a dozen small files, which compress worse.
 */
export function together(entry: string): (id: string, graph: Graph) => string | null {
  const first = new Set<string>();
  function follow(id: string, graph: Graph): void {
    if (first.has(id)) return;
    first.add(id);
    for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) follow(imported, graph);
  }
  return (id, graph) => {
    if (first.size === 0) follow(entry, graph);
    return first.has(id) && id !== entry ? "first" : null;
  };
}
