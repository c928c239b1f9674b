// Quizzes: in a <div class="quiz">, each answer is a <details>, and the right one has data-right.
//
// Without scripts the answers fold and unfold all the same. With them, the page counts what you
// opened first, says it aloud to a screen reader, and can fold everything again.
(() => {
  "use strict";

  const quizzes = [...document.querySelectorAll("div.quiz")];
  if (quizzes.length === 0) return;
  const first = new Map(); // quiz -> whether the answer opened first is right

  const status = document.createElement("p");
  status.setAttribute("role", "status");
  status.className = "quiz-status";
  const again = document.createElement("button");
  again.type = "button";
  again.className = "quiz-again";
  again.textContent = "Start again";
  again.hidden = true;
  quizzes.at(-1).after(status, again);

  function tell(right) {
    const hits = [...first.values()].filter(Boolean).length;
    status.textContent =
      `${right ? "Right" : "Wrong"}. ${first.size} of ${quizzes.length} questions answered, ` +
      `${hits} right at the first try.`;
    again.hidden = false;
  }

  function opened(quiz, answer) {
    const right = answer.hasAttribute("data-right");
    if (!first.has(quiz)) first.set(quiz, right);
    tell(right);
  }

  for (const quiz of quizzes) {
    const question = quiz.previousElementSibling;
    question.id ||= `${quiz.id}-question`;
    quiz.setAttribute("role", "group");
    quiz.setAttribute("aria-labelledby", question.id);
    for (const answer of quiz.querySelectorAll("details"))
      answer.addEventListener("toggle", () => answer.open && opened(quiz, answer));
  }

  again.addEventListener("click", () => {
    for (const answer of document.querySelectorAll("div.quiz details")) answer.open = false;
    first.clear();
    status.textContent = "";
    again.hidden = true;
    quizzes[0].querySelector("summary").focus();
  });
})();
