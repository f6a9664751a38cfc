/** Numbers of a running call: what the browser measures, and how numbers are shown. */

/** {networkMs: there and back or null, frames: shown so far}. */
export async function measure(peer) {
  const report = [...(await peer.getStats()).values()];
  const ways = report.filter((entry) => entry.type === "candidate-pair");
  const chosen = report.find((entry) => entry.type === "transport")?.selectedCandidatePairId;
  const way = ways.find((entry) => entry.id === chosen) ?? ways.find((entry) => entry.selected || entry.nominated);
  const video = report.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video");
  const tripS = way?.currentRoundTripTime;
  return { networkMs: tripS === undefined ? null : tripS * 1000, frames: video?.framesDecoded ?? 0 };
}

/** One line of the meter; a dash where there is nothing to tell. */
export function readings(state, measured) {
  return {
    server: milliseconds(state?.latency_ms?.p50),
    network: milliseconds(measured.networkMs),
    in: rate(state?.fps_in),
    out: rate(state?.fps_out),
    size: state?.size ? state.size.replace("x", " × ") : "–",
  };
}

function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? "under 1 ms" : `${Math.round(value)} ms`;
}

function rate(value) {
  return value === null || value === undefined ? "–" : `${Math.round(value)} fps`;
}
