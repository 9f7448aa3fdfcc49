export function findReady(text: string): Readonly<Record<string, unknown>> | undefined;
