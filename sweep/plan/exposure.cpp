#include "sweep/plan/exposure.h"

#include <algorithm>
#include <map>

namespace crosslaw::sweep {
namespace {

// Adds the tokens of each language that the run reads in its first `steps` steps, and those that it
// began with.
void add_tokens(const std::vector<PlannedRun>& runs, const PlannedRun& run, int64_t steps,
                std::map<std::string, double>& tokens) {
  for (const trainer::MixturePart& part : run.recipe.mixture)
    tokens[part.language] += part.share * static_cast<double>(steps * run.recipe.batch_tokens());
  if (run.parent) add_tokens(runs, runs[run.parent->run], run.parent->step, tokens);
}

}  // namespace

double valid_seen_share(const std::vector<PlannedRun>& runs, const PlannedRun& run,
                        const trainer::Corpus& corpus) {
  std::map<std::string, double> tokens;
  add_tokens(runs, run, run.recipe.schedule.steps, tokens);
  double share = 0;
  for (const trainer::Overlap& overlap : corpus.audit.overlaps) {
    if (overlap.language != run.row.language || overlap.passages.windows == 0) continue;
    for (const auto& [language, windows] : overlap.passages_in) {
      // One epoch visits each window of a text once, in an order that is drawn.
      const double read = std::min(
          1.0, tokens[language] / static_cast<double>(corpus.language(language).train.tokens));
      share += read * static_cast<double>(windows) / static_cast<double>(overlap.passages.windows);
    }
  }
  return std::min(1.0, share);
}

}  // namespace crosslaw::sweep
