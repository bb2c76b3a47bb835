// What Chrome DevTools makes of heap snapshots: `node devtools.mjs FILE [LATER]`.
// Prints JSON: every node's id, self and retained size and distance, the summary by class, and
// with LATER the rows of the Comparison view.
import fs from 'node:fs';
import {MessageChannel} from 'node:worker_threads';

globalThis.self ??= globalThis;
globalThis.window ??= globalThis;
Promise.withResolvers ??= function() {
  let resolve, reject;
  const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
  return {promise, resolve, reject};
};
const {HeapSnapshot, HeapSnapshotLoader} = await import('./build/devtools_worker.mjs');

async function load(file) {
  const loader = new HeapSnapshotLoader.HeapSnapshotLoader({sendEvent() {}});
  for await (const chunk of fs.createReadStream(file, {encoding: 'utf8', highWaterMark: 1 << 20})) {
    loader.write(chunk);
  }
  loader.close();
  const {port1, port2} = new MessageChannel();
  const warnings = [];
  port1.on('message', message => {
    if (message.problemReport) warnings.push(String(message.problemReport[0]));
  });
  new HeapSnapshot.SecondaryInitManager(port2);
  const start = performance.now();
  const snapshot = await loader.buildSnapshot(port1);
  const build_ms = performance.now() - start;
  port1.close();
  return {snapshot, warnings, build_ms};
}

function nodesOf(snapshot) {
  const out = {id: [], self: [], retained: [], distance: []};
  for (const it = snapshot.allNodes(); it.hasNext(); it.next()) {
    const node = it.node;
    out.id.push(node.id());
    out.self.push(node.selfSize());
    out.retained.push(node.retainedSize());
    out.distance.push(node.distance());
  }
  return out;
}

function summaryOf(snapshot) {
  return Object.values(snapshot.aggregatesWithFilter({}))
      .map(row => ({name: row.name, count: row.count, self: row.self, retained: row.maxRet}));
}

function comparisonOf(before, after) {
  before.uid = 1;
  after.uid = 2;
  const base = before.aggregatesForDiff(after.interfaceDefinitions());
  return Object.values(after.calculateSnapshotDiff(1, base)).map(row => ({
    name: row.name, added: row.addedCount, removed: row.removedCount,
    addedSize: row.addedSize, removedSize: row.removedSize,
  }));
}

const [file, later] = process.argv.slice(2);
const {snapshot, warnings, build_ms} = await load(file);
const result = {build_ms, warnings, nodes: nodesOf(snapshot), summary: summaryOf(snapshot)};
if (later) {
  result.comparison = comparisonOf(snapshot, (await load(later)).snapshot);
}
process.stdout.write(JSON.stringify(result), () => process.exit(0));
