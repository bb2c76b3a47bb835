// What Graphviz makes of a DOT file: `node graphviz.mjs FILE`.  Prints the drawing as SVG.
import fs from 'node:fs';
import {instance} from '@viz-js/viz';

const viz = await instance();
const result = viz.render(fs.readFileSync(process.argv[2], 'utf8'), {format: 'svg', engine: 'dot'});
const errors = result.errors.filter(error => error.level !== 'warning');  // fonts it lacks
if (result.status !== 'success' || errors.length) {
  console.error(JSON.stringify(errors));
  process.exit(1);
}
process.stdout.write(result.output);
