#include "apps/study/text_exposure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/study/sweep_folder.h"
#include "trainer/corpus/language_shares.h"

namespace crosslaw::apps {
namespace {

using ExposureJson = nlohmann::ordered_json;

struct EndOfRun {
  const Measurement* end;
  double tokens_per_param;
};

// Of one strategy and replay, by tokens per parameter.
std::vector<EndOfRun> seen_ends(const std::vector<Measurement>& all) {
  std::vector<EndOfRun> out;
  for (const Measurement& m : all) {
    if (m.end && m.loss_seen && m.loss_clean)
      out.push_back(
          {&m, static_cast<double>(m.tokens) / static_cast<double>(m.run->params_budget)});
  }
  std::stable_sort(out.begin(), out.end(), [](const EndOfRun& a, const EndOfRun& b) {
    return a.tokens_per_param < b.tokens_per_param;
  });
  return out;
}

SeenLosses mean_of(const std::vector<EndOfRun>& ends) {
  const db::RunResultRow& first = *ends.front().end->run;
  SeenLosses out;
  out.strategy = first.strategy, out.language = first.language, out.replay = first.replay;
  out.runs = ends.size();
  double read = 0;
  bool all_known = true;
  const double part = 1 / static_cast<double>(ends.size());
  for (const EndOfRun& each : ends) {
    const Measurement& m = *each.end;
    out.tokens_per_param += part * each.tokens_per_param;
    out.seen_share += part * m.seen_share;
    out.loss += part * m.loss;
    out.loss_seen += part * *m.loss_seen;
    out.loss_clean += part * *m.loss_clean;
    all_known = all_known && m.run->valid_seen_share;
    read += part * m.run->valid_seen_share.value_or(0);
  }
  if (all_known) out.read_share = read;
  return out;
}

ExposureJson share_of(const trainer::WindowCount& count) {
  return count.windows > 0 ? ExposureJson(count.share()) : ExposureJson(nullptr);
}

ExposureJson texts_json(const trainer::TextAudit& audit) {
  ExposureJson out = ExposureJson::array();
  for (const trainer::Overlap& o : audit.overlaps) {
    ExposureJson row = {{"language", o.language},
                        {"shared_50_bytes", share_of(o.bytes)},
                        {"shared_13_tokens", share_of(o.tokens)},
                        {"shared_passages", share_of(o.passages)},
                        {"documents", o.documents.size()},
                        {"first_document", nullptr}};
    if (!o.documents.empty()) row["first_document"] = trainer::describe(o.documents.front());
    for (const char* split : {"train", "valid"}) {
      const auto found = audit.languages.find(o.language);
      const bool guessed = found != audit.languages.end() && found->second.contains(split);
      row[fmt::format("{}_is", split)] =
          guessed ? ExposureJson(trainer::describe(found->second.at(split)))
                  : ExposureJson(nullptr);
      const auto foreign = audit.foreign.find(o.language);
      const bool judged = foreign != audit.foreign.end() && foreign->second.contains(split);
      row[fmt::format("{}_foreign", split)] =
          judged ? ExposureJson(foreign->second.at(split)) : ExposureJson(nullptr);
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

std::vector<SeenLosses> seen_losses(const Observations& observations) {
  std::vector<SeenLosses> out;
  std::vector<std::pair<std::string, double>> done;
  for (const db::RunResultRow& run : observations.runs()) {
    const std::pair key(run.strategy, run.replay);
    if (std::find(done.begin(), done.end(), key) != done.end()) continue;
    done.push_back(key);
    const std::vector<Measurement> all = observations.of_strategy(run.strategy, run.replay);
    std::vector<EndOfRun> budget;
    for (const EndOfRun& each : seen_ends(all)) {
      if (!budget.empty() &&
          each.tokens_per_param > kOneBudgetRatio * budget.back().tokens_per_param) {
        out.push_back(mean_of(budget));
        budget.clear();
      }
      budget.push_back(each);
    }
    if (!budget.empty()) out.push_back(mean_of(budget));
  }
  return out;
}

TextExposure text_exposure(const Observations& observations, const std::filesystem::path& folder) {
  return {trainer::stored_text_audit(data_folder(files_folder(folder)) / "manifest.json"),
          seen_losses(observations)};
}

std::string describe(const std::vector<SeenLosses>& losses) {
  if (losses.empty()) return "";
  // Where most has been read.
  const SeenLosses& at =
      *std::max_element(losses.begin(), losses.end(), [](const SeenLosses& a, const SeenLosses& b) {
        return a.read_share.value_or(0) < b.read_share.value_or(0);
      });
  return fmt::format(
      "{:.2g} % of the validation tokens of {} stand in windows that training text holds as well: "
      "at "
      "{:.3g} tokens a parameter {} ends at {:.4f} nats on these and {:.4f} on the others; the "
      "loss "
      "on all, {:.4f}, is {:.4f} {} than that on clean text.",
      100 * at.seen_share, at.language, at.tokens_per_param, at.strategy, at.loss_seen,
      at.loss_clean, at.loss, std::abs(at.loss - at.loss_clean),
      at.loss < at.loss_clean ? "lower" : "higher");
}

ExposureJson to_json(const TextExposure& exposure) {
  ExposureJson losses = ExposureJson::array();
  for (const SeenLosses& each : exposure.losses) {
    losses.push_back(
        {{"strategy", each.strategy},
         {"language", each.language},
         {"replay", each.replay},
         {"tokens_per_param", each.tokens_per_param},
         {"runs", each.runs},
         {"seen_share", each.seen_share},
         {"read_share", each.read_share ? ExposureJson(*each.read_share) : ExposureJson(nullptr)},
         {"loss", each.loss},
         {"loss_seen", each.loss_seen},
         {"loss_clean", each.loss_clean}});
  }
  const std::string sentence = describe(exposure.losses);
  return {{"sentence", sentence.empty() ? ExposureJson(nullptr) : ExposureJson(sentence)},
          {"texts", exposure.audit ? texts_json(*exposure.audit) : ExposureJson::array()},
          {"losses", std::move(losses)}};
}

}  // namespace crosslaw::apps
