/* The network that listens: a recording or a file becomes a log-mel map and probabilities, all in
   the reader's browser. Nothing is sent anywhere, nothing is stored, and the runtime and the network
   are loaded when a button is pressed. The sentences are in the page: ser_lib/pages/text/live. */

(() => {
  "use strict";

  /* The front end, as ser_lib.features.maps and ser_lib.models.bundle have it. */

  /** Fourier transform of complex numbers in place; their count is a power of two. */
  function transform(re, im, turns) {
    const n = re.length;
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let half = 1; half < n; half *= 2) {
      const step = n / 2 / half;
      for (let k = 0; k < half; k++) {
        const [c, s] = [turns.re[k * step], turns.im[k * step]];
        for (let i = k; i < n; i += 2 * half) {
          const j = i + half;
          const x = re[j] * c - im[j] * s;
          const y = re[j] * s + im[j] * c;
          re[j] = re[i] - x;
          im[j] = im[i] - y;
          re[i] += x;
          im[i] += y;
        }
      }
    }
  }

  /** The mel bands: of each the first bin and the weights from there on. */
  function bands(given) {
    const width = given.rate / given.size;
    const bins = Math.ceil(given.highest / width);
    return given.edges.slice(1, -1).map((centre, i) => {
      const [low, high] = [given.edges[i], given.edges[i + 2]];
      const first = Math.max(0, Math.ceil(low / width));
      const weights = [];
      for (let bin = first; bin < bins && bin * width <= high; bin++) {
        const hz = bin * width;
        const height = Math.min((hz - low) / (centre - low), (high - hz) / (high - centre));
        weights.push((Math.max(height, 0) * 2) / (high - low));
      }
      return { first, weights };
    });
  }

  function percentile(values, share) {
    const ordered = Float64Array.from(values).sort();
    const place = share * (ordered.length - 1);
    const lower = Math.floor(place);
    const above = ordered[Math.min(lower + 1, ordered.length - 1)];
    return ordered[lower] + (place - lower) * (above - ordered[lower]);
  }

  /** The signal at the level that the network is used to. */
  function levelled(signal, given) {
    const powers = new Float64Array(Math.ceil(signal.length / given.hop));
    signal.forEach((x, i) => (powers[Math.floor(i / given.hop)] += (x * x) / given.hop));
    const least = Math.max(...powers) * 10 ** (-given.floor / 10);
    const level = percentile(powers.filter((power) => power >= least), 0.95);
    return level ? signal.map((x) => x * Math.sqrt(10 ** (given.level / 10) / level)) : signal;
  }

  /** Levels in dB: a Float64Array of the bands for each frame. */
  function logMel(sound, given) {
    const signal = levelled(sound, given);
    const hann = Float64Array.from({ length: given.size }, (_, i) =>
      0.5 - 0.5 * Math.cos((2 * Math.PI * i) / given.size));
    const mel = bands(given);
    const angle = (_, k) => (2 * Math.PI * k) / given.size;
    const angles = Float64Array.from({ length: given.size / 2 }, angle);
    const turns = { re: angles.map(Math.cos), im: angles.map((x) => -Math.sin(x)) };
    const noise = given.noise ** 2;
    const frames = [];
    for (let t = 0; t <= Math.floor(signal.length / given.hop); t++) {
      const start = t * given.hop - given.size / 2;
      const re = hann.map((w, i) => w * (signal[start + i] ?? 0));
      const im = new Float64Array(given.size);
      transform(re, im, turns);
      const power = re.map((x, i) => Math.max(x * x + im[i] * im[i], noise));
      frames.push(Float64Array.from(mel, ({ first, weights }) =>
        10 * Math.log10(weights.reduce((sum, w, i) => sum + w * power[first + i], 0))));
    }
    const floor = percentile(frames.flatMap((frame) => [...frame]), 0.995) - given.floor;
    return frames.map((frame) => frame.map((level) => Math.max(level, floor)));
  }

  /** Standardised values of every frame, in the order [row][channel]. */
  function standardised(frames, given) {
    const rows = frames[0].length;
    const at = (t) => frames[Math.min(Math.max(t, 0), frames.length - 1)];
    return frames.map((frame, t) => {
      const values = new Float32Array(rows * given.channels);
      const around = [1, 2, 3, 4].map((k) => [k, at(t - k), at(t + k)]);
      for (let row = 0; row < rows; row++) {
        let [slope, curvature] = [0, 0];
        for (const [k, before, after] of around) {
          slope += (k / 60) * (after[row] - before[row]);
          curvature += ((3 * k * k - 20) / 462) * (after[row] + before[row] - 2 * frame[row]);
        }
        [frame[row], slope, curvature].slice(0, given.channels).forEach((x, c) => {
          values[row * given.channels + c] = (x - given.mean[row][c]) / given.std[row][c];
        });
      }
      return values;
    });
  }

  /** A half is rounded to the even neighbour, as in Python. */
  function rounded(x) {
    const whole = Math.round(x);
    return x % 1 === 0.5 && whole % 2 ? whole - 1 : whole;
  }

  /** What the network is fed: Float32Array [rows, frames, channels], spread evenly over a map. */
  function evenWindows(map, given) {
    const slack = Math.abs(map.length - given.frames);
    const n = given.crops > 1 ? Math.max(given.crops, Math.ceil(map.length / given.frames)) : 1;
    return Array.from({ length: n }, (_, i) =>
      fitted(map, rounded((n > 1 ? i / (n - 1) : 0.5) * slack), given));
  }

  function fitted(map, offset, given) {
    const { frames, channels } = given;
    const rows = given.mean.length;
    const values = new Float32Array(rows * frames * channels);
    const short = map.length < frames;
    for (let t = 0; t < Math.min(map.length, frames); t++) {
      const frame = map[short ? t : t + offset];
      const place = short ? t + offset : t;
      for (let row = 0; row < rows; row++) {
        for (let c = 0; c < channels; c++) {
          values[(row * frames + place) * channels + c] = frame[row * channels + c];
        }
      }
    }
    return values;
  }

  function windows(signal, given) {
    return evenWindows(standardised(logMel(signal, given), given), given);
  }

  /* Any rate becomes that of the network in one way: the resamplers of browsers differ. */

  /** Resample by a sinc in a Kaiser window: 120 dB, flat up to 91 % of the lower rate's half. */
  function resampled(signal, from, to) {
    if (from === to) return signal;
    const cutoff = 0.956 * Math.min(1, to / from);
    const half = Math.ceil(92 / Math.min(1, to / from));
    const bessel = (x) => {
      let [sum, term] = [1, 1];
      for (let k = 1; k < 40; k++) sum += term *= (x / 2 / k) ** 2;
      return sum;
    };
    const phases = new Map();
    const weightsOf = (part) => {
      if (!phases.has(part)) {
        phases.set(part, Float64Array.from({ length: 2 * half }, (_, k) => {
          const x = k - half + 1 - part / to;
          const sinc = x ? Math.sin(Math.PI * cutoff * x) / (Math.PI * x) : cutoff;
          return (sinc * bessel(12.3 * Math.sqrt(Math.max(0, 1 - (x / half) ** 2)))) / bessel(12.3);
        }));
      }
      return phases.get(part);
    };
    const samples = new Float32Array(Math.ceil((signal.length * to) / from));
    for (let i = 0; i < samples.length; i++) {
      const part = (i * from) % to;
      const first = (i * from - part) / to - half + 1;
      const weights = weightsOf(part);
      let sum = 0;
      const stop = Math.min(2 * half, signal.length - first);
      for (let k = Math.max(0, -first); k < stop; k++) sum += weights[k] * signal[first + k];
      samples[i] = sum;
    }
    return samples;
  }

  /** The rate of a WAV file; of others, whose rate the browser does not tell, the usual one. */
  function rateOf(bytes) {
    const view = new DataView(bytes);
    const tag = (place) => (view.byteLength > 28 ? view.getUint32(place) : 0);
    const isWave = tag(0) === 0x52494646 && tag(12) === 0x666d7420; // RIFF, fmt
    const rate = isWave ? view.getUint32(24, true) : 0;
    return rate >= 8000 && rate <= 96000 ? rate : 48000;
  }

  window.serLive = { windows, resampled }; // for the tests

  /* The network, which is loaded once. */

  async function load(part) {
    const runtime = new URL(part.dataset.runtime, document.baseURI).href;
    const lite = await import(`${runtime}core.js`);
    await lite.loadLiteRt(`${runtime}litert_wasm_compat_internal.js`);
    const model = await lite.loadAndCompile(new URL(part.dataset.model, document.baseURI).href, {
      accelerator: "wasm",
    });
    return async (values, given) => {
      const shape = [1, given.mean.length, given.frames, given.channels];
      const input = new lite.Tensor(values, shape);
      const [output] = await model.run(input);
      const answer = [...(await output.moveTo("wasm")).toTypedArray()];
      input.delete();
      output.delete();
      return answer;
    };
  }

  async function mean(network, parts, given) {
    const sums = given.emotions.map(() => 0);
    for (const values of parts) (await network(values, given)).forEach((p, i) => (sums[i] += p));
    const total = sums.reduce((a, b) => a + b);
    return sums.map((sum) => sum / total);
  }

  /* What is heard, and what is wrong with it. */

  /** Decode a file or a recording, at any rate, to one channel at the network's rate. */
  async function decode(bytes, given) {
    const rate = rateOf(bytes);
    const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
    const signal = new Float32Array(Math.min(sound.length, given.longest * rate));
    for (let c = 0; c < sound.numberOfChannels; c++) {
      const channel = sound.getChannelData(c);
      for (let i = 0; i < signal.length; i++) signal[i] += channel[i] / sound.numberOfChannels;
    }
    return { signal: resampled(signal, rate, given.rate), cut: sound.length > signal.length };
  }

  function faults(signal, given) {
    const peak = signal.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
    const high = signal.reduce((n, x) => n + (Math.abs(x) > 0.99), 0);
    if (signal.length < given.shortest * given.rate) return ["short"];
    if (peak < given.silence) return ["silent"];
    return [peak < 0.02 && "quiet", high > 0.001 * signal.length && "clipped"].filter(Boolean);
  }

  /* The page. */

  function enliven(part) {
    const given = JSON.parse(part.dataset.given);
    const find = (name) => part.querySelector(`.live-${name}`);
    const status = find("status");
    let network, recorder, warmed;

    function say(...names) {
      const texts = names.map((name) => part.querySelector(`[data-say="${name}"]`).textContent.trim());
      status.textContent = texts.join(" ");
    }

    async function start() {
      find("start").disabled = true;
      say("loading");
      try {
        network = await load(part);
      } catch (error) {
        find("start").disabled = false;
        say("failed");
        throw error;
      }
      find("start").hidden = true;
      find("controls").hidden = false;
      find("record").disabled = !navigator.mediaDevices;
      say(navigator.mediaDevices ? "ready" : "deaf");
      find(navigator.mediaDevices ? "record" : "file").focus();
      // What has run once runs fast: the first answer need not wait for that.
      const second = resampled(new Float32Array(48_000), 48_000, given.rate);
      warmed = mean(network, windows(second, given), given);
    }

    async function record() {
      if (recorder?.state === "recording") return recorder.stop();
      let stream;
      try {
        const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
      } catch {
        return say("deaf");
      }
      const exact = "audio/webm;codecs=pcm";
      const options = MediaRecorder.isTypeSupported(exact) ? { mimeType: exact } : {};
      const chunks = [];
      recorder = new MediaRecorder(stream, options);
      recorder.ondataavailable = (event) => chunks.push(event.data);
      recorder.onstop = () => {
        stream.getTracks().forEach((track) => track.stop());
        find("record").textContent = find("record").dataset.start;
        listen(new Blob(chunks));
      };
      recorder.start();
      find("record").textContent = find("record").dataset.stop;
      say("recording");
      const own = recorder;
      setTimeout(() => own.state === "recording" && own.stop(), 1000 * given.longest);
    }

    async function listen(blob) {
      say("listening");
      find("answer").hidden = true;
      part.answer = null;
      let heard;
      try {
        heard = await decode(await blob.arrayBuffer(), given);
      } catch {
        return say("foreign");
      }
      const wrong = faults(heard.signal, given);
      if (wrong.includes("short") || wrong.includes("silent")) return say(...wrong);
      const frames = logMel(heard.signal, given);
      const map = standardised(frames, given);
      await warmed;
      const probabilities = await mean(network, evenWindows(map, given), given);
      find("answer").hidden = false;
      draw(find("map"), frames);
      const best = probabilities.indexOf(Math.max(...probabilities));
      const sure = probabilities[best] >= given.threshold;
      find("emotion").textContent = sure ? given.emotions[best] : find("emotion").dataset.none;
      table(find("table"), given.emotions.map((emotion, i) => [emotion, probabilities[i]]));
      await strip(map);
      part.answer = { probabilities };
      say(sure ? "sure" : "unsure", ...wrong, ...(heard.cut ? ["cut"] : []));
      status.textContent = status.textContent.replace("EMOTION", given.emotions[best]);
    }

    /** The answers to the parts of a recording that is longer than two windows. */
    async function strip(map) {
      const rows = [];
      const seconds = (t) => ((t * given.hop) / given.rate).toFixed(1);
      for (let t = 0; t + given.frames <= map.length; t += given.frames) {
        const answer = await network(fitted(map.slice(t, t + given.frames), 0, given), given);
        const p = Math.max(...answer);
        const named = p >= given.threshold ? given.emotions[answer.indexOf(p)] : find("emotion").dataset.none;
        rows.push([`${seconds(t)} to ${seconds(t + given.frames)} s: ${named}`, p]);
      }
      find("strip").hidden = rows.length < 2;
      table(find("times"), rows);
    }

    find("start").addEventListener("click", start);
    find("record").addEventListener("click", record);
    find("file").addEventListener("change", (event) => {
      if (event.target.files.length) listen(event.target.files[0]);
      event.target.value = "";
    });
    part.addEventListener("dragover", (event) => event.preventDefault());
    part.addEventListener("drop", (event) => {
      event.preventDefault();
      if (network && event.dataTransfer.files.length) listen(event.dataTransfer.files[0]);
    });
    return { say, offer: (bytes) => {
      const size = ((bytes + Number(part.dataset.size)) / 1e6).toFixed(0);
      find("start").textContent = find("start").dataset.text.replace("SIZE", size);
      find("start").hidden = false;
      say("offered");
    } };
  }

  function table(body, rows) {
    body.replaceChildren(...rows.map(([name, p]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      const bar = document.createElement("td");
      bar.style.setProperty("--share", p);
      bar.textContent = p.toFixed(2);
      row.append(head, bar);
      return row;
    }));
  }

  /** A map as a picture: time to the right, frequency up, the louder the brighter. */
  function draw(canvas, frames) {
    const [rows, low] = [frames[0].length, Math.min(...frames.map((frame) => Math.min(...frame)))];
    const high = Math.max(...frames.map((frame) => Math.max(...frame)));
    [canvas.width, canvas.height] = [frames.length, rows];
    const picture = canvas.getContext("2d").createImageData(frames.length, rows);
    frames.forEach((frame, t) => frame.forEach((level, row) => {
      const x = (level - low) / (high - low || 1);
      const colour = [255 * x ** 1.5, 40 + 200 * x, 90 + 130 * Math.sin(Math.PI * x * 0.8), 255];
      picture.data.set(colour, 4 * ((rows - 1 - row) * frames.length + t));
    }));
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".live").forEach(async (part) => {
      const { say, offer } = enliven(part);
      if (window.location.protocol === "file:") return say("disk");
      if (typeof WebAssembly !== "object") return say("old");
      const found = await fetch(`${part.dataset.runtime}size.json`).catch(() => null);
      return found?.ok ? offer(await found.json()) : say("without");
    });
  });
})();
