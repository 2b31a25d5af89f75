/* Listening: the map of what a player plays, and the confusion matrix, in which choosing a number
   shows the utterances behind it. Without this script the players play without a map, and the
   numbers are links to the lists, which all stand under the matrix. */

(() => {
  "use strict";

  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  function enliven(part) {
    const table = part.querySelector(".listen-matrix");
    const status = part.querySelector(".listen-status");
    const numbers = [...table.querySelectorAll("a")];
    const listOf = (number) => document.getElementById(number.hash.slice(1));

    function show(chosen) {
      for (const number of numbers) {
        const list = listOf(number);
        number.setAttribute("aria-pressed", String(number === chosen));
        list.hidden = number !== chosen;
        list.open = number === chosen;
        if (list.hidden) list.querySelectorAll("audio").forEach((audio) => audio.pause());
      }
      makeReachable(chosen);
    }

    function choose(number) {
      show(number);
      status.textContent = listOf(number).querySelector("summary").textContent;
    }

    /* One number can be reached with the Tab key, the others from it with the arrows. */
    function makeReachable(chosen) {
      for (const number of numbers) number.tabIndex = number === chosen ? 0 : -1;
    }

    function neighbour(number, [down, right]) {
      let row = number.closest("tr").rowIndex + down;
      let column = number.closest("td").cellIndex + right;
      for (let cell; (cell = table.rows[row]?.cells[column]); row += down, column += right) {
        if (cell.querySelector("a")) return cell.querySelector("a");
      }
      return number;
    }

    function press(event) {
      const number = event.currentTarget;
      const inRow = [...number.closest("tr").querySelectorAll("a")];
      let next = null;
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key in STEPS) next = neighbour(number, STEPS[event.key]);
      else if (event.key === "Home") next = inRow[0];
      else if (event.key === "End") next = inRow.at(-1);
      else if (event.key === " ") choose(number);
      else return;
      event.preventDefault();
      if (next) next.focus();
    }

    /* One clip of a list after the other, until one is paused. */
    function playAll(button) {
      const clips = [...button.closest(".listen-cell").querySelectorAll("audio")];
      let running = false;
      function run(clip) {
        running = Boolean(clip);
        button.textContent = button.dataset[running ? "stop" : "start"];
        clip?.play().catch(() => run(null));
      }
      clips.forEach((clip, i) => {
        clip.addEventListener("pause", () => clip.ended || run(null));
        clip.addEventListener("ended", () => running && run(clips[i + 1]));
      });
      button.addEventListener("click", () => {
        if (running) clips.forEach((clip) => clip.pause());
        else run(clips[0]);
      });
      button.hidden = false;
    }

    part.querySelectorAll(".listen-all").forEach(playAll);
    table.setAttribute("role", "grid");
    for (const number of numbers) {
      number.setAttribute("role", "button");
      number.addEventListener("keydown", press);
      number.addEventListener("focus", () => makeReachable(number));
      number.addEventListener("click", (event) => {
        event.preventDefault();
        choose(number);
      });
    }
    const named = numbers.find((number) => number.hash === window.location.hash);
    show(named ?? numbers.find((number) => listOf(number).open));
    part.classList.add("listen-live");
  }

  /* One player plays at a time, and the log-mel map of its clip has a line at what is heard. */
  function showMaps(article) {
    const [stage, name, map, picture, line] = ["div", "p", "div", "img", "span"].map((tag) =>
      document.createElement(tag));
    const still = window.matchMedia("(prefers-reduced-motion: reduce)");
    let playing;
    picture.alt = "";
    map.append(picture, line);
    stage.append(name, map);
    stage.className = "listen-map";
    stage.hidden = true;
    article.append(stage);

    function mark() {
      stage.style.setProperty("--place", playing.currentTime / playing.duration || 0);
    }

    function move() {
      mark();
      if (!playing.paused && !still.matches) requestAnimationFrame(move);
    }

    function follow({ target }) {
      if (target !== playing) playing?.pause();
      playing = target;
      picture.src = playing.dataset.map;
      name.textContent = playing.getAttribute("aria-label");
      stage.hidden = false;
      move();
    }

    /* These events do not bubble. */
    article.addEventListener("play", follow, true);
    article.addEventListener("timeupdate", ({ target }) => target === playing && mark(), true);
    article.addEventListener("pause", () => {
      setTimeout(() => (stage.hidden = playing.paused), 1000);
    }, true);
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".bd-article").forEach(showMaps);
    document.querySelectorAll(".listen").forEach(enliven);
  });
})();
