// What memlab makes of a heap snapshot: `node memlab.mjs FILE`.
// Prints JSON: every node's id, self and retained size and the id of its dominator.
import heapAnalysis from '@memlab/heap-analysis';

const log = console.log;
console.log = console.error;  // memlab narrates on stdout
const start = performance.now();
const heap = await heapAnalysis.getFullHeapFromFile(process.argv[2]);
const out = {id: [], self: [], retained: [], dominator: []};
heap.nodes.forEach(node => {
  out.id.push(node.id);
  out.self.push(node.self_size);
  out.retained.push(node.retainedSize);
  out.dominator.push(node.dominatorNode ? node.dominatorNode.id : 0);
});
console.log = log;
const result = {build_ms: performance.now() - start, edge_count: heap.edges.length, nodes: out};
process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0));
