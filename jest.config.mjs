import { readFileSync } from 'node:fs';

const { jsc } = JSON.parse(readFileSync(new URL('./.swcrc', import.meta.url), 'utf8'));
// Aliases are resolved by jest (moduleNameMapper), so swc must leave them alone.
const jscForJest = { ...jsc, paths: undefined, baseUrl: undefined };
const swc = [
  '@swc/jest',
  { swcrc: false, sourceMaps: 'inline', module: { type: 'commonjs' }, jsc: jscForJest },
];
const swcJs = [
  '@swc/jest',
  { swcrc: false, module: { type: 'commonjs' }, jsc: { target: 'es2023', parser: { syntax: 'ecmascript' } } },
];
// Packages that ship ES modules only; jest cannot require() those before Node 24.9.
const esm = [
  '@nestjs',
  'file-type',
  'strtok3',
  'token-types',
  'uint8array-extras',
  '@tokenizer',
  '@borewit',
  'fast-check',
  'pure-rand',
  'load-esm',
];

export default {
  rootDir: '.',
  testEnvironment: 'node',
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/test'],
  testRegex: '\\.spec\\.ts$',
  moduleNameMapper: {
    '^@fluxforge/(cache|domain|events|read-models|testing)/(.*)$': '<rootDir>/libs/$1/src/$2/index.ts',
    '^@fluxforge/(read-models|agent-protocol|cache|config|telemetry)$': '<rootDir>/libs/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'],
  },
  transform: { '^.+\\.ts$': swc, '^.+\\.m?js$': swcJs },
  transformIgnorePatterns: [`/node_modules/(?!(${esm.join('|')})/)`],
};
