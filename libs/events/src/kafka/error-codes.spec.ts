import { classifyAppend, classifyRead, ErrorCode } from './error-codes.js';

describe('error codes of an answered append', () => {
  it('is not-written only where the leader refuses before it appends', () => {
    expect(classifyAppend(ErrorCode.notEnoughReplicas)).toBe('not-written');
  });

  it.each([
    ErrorCode.messageTooLarge,
    ErrorCode.recordListTooLarge,
    ErrorCode.topicAuthorizationFailed,
    ErrorCode.clusterAuthorizationFailed,
    ErrorCode.invalidTopic,
    ErrorCode.invalidRecord,
  ])('is fatal where sending again cannot help (%i)', (code) => {
    expect(classifyAppend(code)).toBe('fatal');
  });

  it.each([
    ErrorCode.notLeaderOrFollower,
    ErrorCode.notEnoughReplicasAfterAppend,
    ErrorCode.unknownTopicOrPartition,
    ErrorCode.leaderNotAvailable,
    7, // request timed out
    56, // storage error
    -1,
    4_711,
  ])('is unknown otherwise, unheard-of codes included (%i)', (code) => {
    expect(classifyAppend(code)).toBe('unknown');
  });
});

describe('error codes of a read', () => {
  it('tells a position outside the log, what is refused for good, and what may pass', () => {
    expect(classifyRead(ErrorCode.offsetOutOfRange)).toBe('out-of-range');
    expect(classifyRead(ErrorCode.topicAuthorizationFailed)).toBe('fatal');
    expect(classifyRead(ErrorCode.notLeaderOrFollower)).toBe('unavailable');
    expect(classifyRead(ErrorCode.unknownTopicOrPartition)).toBe('unavailable');
  });
});
