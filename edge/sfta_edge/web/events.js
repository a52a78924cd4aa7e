// Server-sent events of a response to POST, which EventSource cannot read.

/** Hand each event's name and data to `take`, in order, until the stream ends. */
export async function readEvents(body, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) takeBlock(block, take);
  }
}

function takeBlock(block, take) {
  const lines = block.split("\n");
  const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
  const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
  if (data.length) take(name, JSON.parse(data.join("\n")));
}
