import {defineConfig} from 'vitest/config';

// Tests and the processes they start wait more than they compute, so two files run at a time on two cores; a
// test waits for events, and its timeout only ends what hangs.
export default defineConfig({
  test: {
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    include: ['**/*.test.ts'],
  },
});
