// A page opened from disk may not fetch its neighbours, and the search summaries do just that:
// there the search lists titles alone.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// An error message pasted into the search holds the reader's own numbers and types, which no page
// has, and short words that the index leaves out. The search wants every word: so queries of more
// than five words are searched without these.
window.splitQuery = (query) => {
  const words = query.split(/[^\p{Letter}\p{Number}_]+/u).filter((word) => word);
  const own = /^(.{1,3}|\d.*|(b?float|int)\d+|\w+(Error|Warning))$/;
  const general = words.filter((word) => !own.test(word));
  return words.length > 5 && general.length > 0 ? general : words;
};
