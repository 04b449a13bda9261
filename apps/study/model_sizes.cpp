#include "apps/study/model_sizes.h"

#include <algorithm>
#include <set>

namespace crosslaw::apps {

std::vector<ModelSizeRow> model_sizes(const Observations& observations) {
  std::vector<ModelSizeRow> out;
  std::set<std::string> seen;
  for (const db::RunResultRow& run : observations.runs()) {
    if (!seen.insert(run.size).second) continue;
    const std::int64_t total =
        run.params_embedding + run.params_unembedding + run.params_blocks + run.params_norms;
    const auto tokens = static_cast<double>(run.tokens_target + run.tokens_source);
    out.push_back({run.size, run.params_embedding, run.params_unembedding, run.params_blocks,
                   run.params_norms, total, run.params_budget, run.flops / tokens});
  }
  std::sort(out.begin(), out.end(),
            [](const ModelSizeRow& a, const ModelSizeRow& b) { return a.total < b.total; });
  return out;
}

}  // namespace crosslaw::apps
