import {defineConfig} from 'vitest/config';

// The tests share two cores with the processes they start, so files run one after another; a test
// waits for events, and its timeout only ends what hangs.
export default defineConfig({
  test: {
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    include: ['**/*.test.ts'],
  },
});
