// The controls of a figure that goes through a sequence: back, play or pause, forward, position.
//
// `new LSTMPlayer(host, { pace, show, name })` expects LSTMPlayer.slider and .buttons in the host; `show(t)`
// draws position t, `name(t)` says it. While it plays, the live region of the host is silent.
(() => {
  "use strict";

  class LSTMPlayer {
    static slider =
      '<label class="position"><span>Position</span><input type="range" data-do="position" min="0" value="0"></label>';
    static buttons =
      '<div class="buttons"><button type="button" data-do="back">Back</button>' +
      '<button type="button" data-do="play">Play</button>' +
      '<button type="button" data-do="forward">Next</button></div>';

    constructor(host, { pace, show, name }) {
      Object.assign(this, { host, pace, show, name, at: 0, count: 1 });
      this.range = host.querySelector("[data-do=position]");
      this.button = host.querySelector("[data-do=play]");
      this.live = host.querySelector("[aria-live]");
      host.querySelector("[data-do=back]").addEventListener("click", () => this.go(this.at - 1));
      host.querySelector("[data-do=forward]").addEventListener("click", () => this.go(this.at + 1));
      this.button.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
      this.range.addEventListener("input", () => this.go(Number(this.range.value)));
      document.addEventListener("visibilitychange", () => document.hidden && this.pause());
    }

    /** Take a new sequence of `count` positions, and show one of them. */
    reset(count, at = 0) {
      this.count = count;
      this.range.max = count - 1;
      this.go(at);
    }

    /** Stop, and show a position. */
    go(t) {
      this.pause();
      this.move(t);
    }

    move(t) {
      this.at = Math.max(0, Math.min(this.count - 1, t));
      this.range.value = this.at;
      this.range.setAttribute("aria-valuetext", this.name(this.at));
      this.host.style.setProperty("--at", this.count > 1 ? this.at / (this.count - 1) : 0);
      this.show(this.at);
    }

    play() {
      this.pause();
      this.playing(true);
      this.move(this.at >= this.count - 1 ? 0 : this.at);
      this.timer = setInterval(() => {
        if (this.at >= this.count - 1) return this.go(this.at); // said aloud, now that it stands still
        this.move(this.at + 1);
      }, this.pace);
    }

    pause() {
      clearInterval(this.timer);
      this.timer = undefined;
      this.playing(false);
    }

    playing(is) {
      this.host.classList.toggle("playing", is);
      this.button.textContent = is ? "Pause" : "Play";
      this.live.setAttribute("aria-live", is ? "off" : "polite");
    }
  }

  window.LSTMPlayer = LSTMPlayer;
})();
