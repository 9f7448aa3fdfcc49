import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';
import prettier from 'eslint-config-prettier';

const worldReadingGlobals = [
  'process',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'crypto',
  'performance',
  'Date',
  'Intl',
].map((name) => ({
  name,
  message:
    'Rules are replayed from the log and must give the same events on every machine; take it as an argument.',
}));

const pureRules = {
  'no-restricted-globals': ['error', ...worldReadingGlobals],
  'no-restricted-properties': [
    'error',
    {
      object: 'Math',
      property: 'random',
      message: 'Randomness is an argument: a replay must draw the same.',
    },
  ],
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        {
          group: ['node:*', '@nestjs/*', 'kafkajs', 'pg', 'typeorm'],
          message: 'Rules know no framework and no machine.',
        },
      ],
    },
  ],
};

export default defineConfig(
  {
    ignores: [
      'dist/**',
      'coverage/**',
      '.cache/**',
      '.data/**',
      '**/generated/**',
      'libs/events/fixtures/**',
    ],
  },
  js.configs.recommended,
  { files: ['**/*.mjs'], languageOptions: { globals: globals.node } },
  {
    files: ['**/*.ts'],
    ignores: ['**/*.d.ts', '**/*.d.mts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      globals: { ...globals.node, ...globals.jest },
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/require-await': 'off',
      'max-params': 'off',
      '@typescript-eslint/max-params': ['error', { max: 6 }],
    },
  },
  {
    // The pure core: the rules, the reader's rule and the journal's own state machines.
    files: [
      'libs/domain/src/**/*.ts',
      'libs/events/src/catalogue/**/*.ts',
      'libs/events/src/partitioner/**/*.ts',
    ],
    ignores: ['**/*.spec.ts'],
    rules: pureRules,
  },
  {
    // Time zones are the runtime's. What is computed from them is written into events; no fold computes it anew.
    files: ['libs/domain/src/cron/zones.ts'],
    rules: {
      'no-restricted-globals': ['error', ...worldReadingGlobals.filter(({ name }) => name !== 'Intl')],
    },
  },
  {
    files: ['apps/**/*.ts', 'libs/**/*.ts'],
    ignores: ['libs/config/**', '**/*.spec.ts', 'libs/testing/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: 'The environment is read in libs/config only, once, with every mistake named.',
        },
        {
          selector: 'ImportSpecifier[imported.name=/^(EventBus|EventPublisher|AggregateRoot|Saga)$/]',
          message: 'No fact goes through an in-memory bus: facts go through the journal.',
        },
      ],
    },
  },
  prettier,
);
