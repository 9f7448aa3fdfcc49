import { type OutputPage } from '@fluxforge/read-models';

/** Bytes stay bytes: a chunk may end in the middle of a character, so it is base64 and never half decoded. */
export function outputView(page: OutputPage) {
  return {
    items: page.items.map(({ data, ...row }) => ({ ...row, data_base64: data.toString('base64') })),
    next_cursor: page.next_cursor,
    resume_cursor: page.resume_cursor,
    missing: page.missing,
  };
}

export function outputText({ items, missing }: OutputPage): Buffer {
  const pieces = items.flatMap((row) => (row.gap_bytes > 0 ? [gap(row.gap_bytes), row.data] : [row.data]));
  const lost = missing ? missing.stdout_bytes + missing.stderr_bytes : 0;
  return Buffer.concat(lost > 0 ? [...pieces, gap(lost)] : pieces);
}

function gap(bytes: number): Buffer {
  return Buffer.from(`\n[${bytes} bytes are missing]\n`);
}
