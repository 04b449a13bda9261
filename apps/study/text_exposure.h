#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "trainer/corpus/text_audit.h"

// What validation and training texts have in common, and what that did to the losses: a model that
// has read a part of its validation text predicts it better than it will predict any other.
namespace crosslaw::apps {

// Final losses of one strategy at about the same tokens per parameter, means over the runs whose
// validation text is in part seen.
struct SeenLosses {
  std::string strategy, language;
  double replay = 0, tokens_per_param = 0;
  std::size_t runs = 0;
  double seen_share = 0;  // of the validation tokens, those in windows that training text holds
  std::optional<double> read_share;  // of the validation text, expected to have been read by now
  double loss = 0, loss_seen = 0, loss_clean = 0;  // nats a token
};

// In the order of the runs, then by tokens per parameter. Empty where nothing is seen.
std::vector<SeenLosses> seen_losses(const Observations& observations);

struct TextExposure {
  std::optional<trainer::TextAudit> audit;  // of the sweep's data; absent: none is stored
  std::vector<SeenLosses> losses;
};
TextExposure text_exposure(const Observations& observations, const std::filesystem::path& folder);

// "2.3 % of fr's validation tokens stand in training text: at 20 tokens a parameter continued-fr
// ends at 2.013 on these and 2.391 on the others, 0.009 above the loss on all." Empty where nothing
// is seen.
std::string describe(const std::vector<SeenLosses>& losses);

nlohmann::ordered_json to_json(const TextExposure& exposure);

}  // namespace crosslaw::apps
