/* Recordings to guess: a vote opens the answer, and votes are counted. Without this script the answers
   can be opened. Nothing is stored. The sentences are in the page: ser_lib/pages/text/live. */

(() => {
  "use strict";

  function enliven(part) {
    const clips = [...part.querySelectorAll(".quiz-clip")];
    const score = part.querySelector(".quiz-score");

    function vote(clip, button) {
      if (clip.dataset.vote) return;
      clip.dataset.vote = button.textContent;
      button.setAttribute("aria-pressed", "true");
      for (const one of clip.querySelectorAll("button")) {
        one.setAttribute("aria-disabled", "true");
        one.classList.toggle("quiz-true", one.textContent === clip.dataset.truth);
      }
      const answer = clip.querySelector("details");
      answer.open = true;
      const given = clips.filter((one) => one.dataset.vote);
      const right = (by) => given.filter((one) => one.dataset[by] === one.dataset.truth).length;
      score.textContent = score.dataset.text.replace("YOURS", right("vote"))
        .replace("GIVEN", given.length).replace("NETWORK", right("network"));
      const said = answer.querySelector("p").textContent.replace(/\s+/g, " ");
      part.querySelector("[role=status]").textContent = `${said} ${score.textContent}`;
    }

    for (const clip of clips) {
      clip.querySelector(".quiz-votes").hidden = false;
      for (const button of clip.querySelectorAll("button")) {
        button.addEventListener("click", () => vote(clip, button));
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".quiz").forEach(enliven);
  });
})();
