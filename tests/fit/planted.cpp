#include "tests/fit/planted.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <random>
#include <stdexcept>

#include "fit/data/data_file.h"
#include "fit/laws/laws.h"

namespace planted {
namespace {

namespace fit = crosslaw::fit;

struct Entry {
  std::string file;
  std::vector<std::string> where;
  std::string loss = "loss";
};

const std::map<std::string, Entry>& entries() {
  static const std::map<std::string, Entry> all = {
      {"chinchilla_epoch_240", {"chinchilla_epoch.csv", {"in_240=1"}}},
      {"chinchilla_epoch_245", {"chinchilla_epoch.csv", {}}},
      {"kyo_llm_234", {"kyo_llm_df.csv", {}}},
      {"gadre_c4_original_c4val", {"gadre_104.csv", {"dataset=c4_original"}, "loss_c4_val"}},
      {"gadre_rw_original_c4val", {"gadre_104.csv", {"dataset=rw_original"}, "loss_c4_val"}},
      {"gadre_rpj_c4val", {"gadre_104.csv", {"dataset=rpj"}, "loss_c4_val"}},
      {"gemstones_hot", {"gemstones_hot.csv", {}}},
      {"gemstones_cool_end", {"gemstones_cool_end.csv", {}}},
      {"olmo_ladder_c4_all", {"olmo_ladder_c4.csv", {"role=ladder"}}},
      {"cerebras_7", {"cerebras_gpt_pile.csv", {}}},
  };
  return all;
}

// Four sizes at one, two, five and ten times the chinchilla number of tokens, without reruns.
fit::Points olmo_paper16() {
  fit::Points out;
  for (const char* size : {"190M", "370M", "760M", "1B"}) {
    for (const char* tokens : {"1", "2", "5", "10"}) {
      fit::DataFileOptions options;
      options.path = data_path("olmo_ladder_c4.csv");
      options.where = {std::string("run=") + size + "-" + tokens + "xC"};
      const fit::Points one = fit::read_data_file(options).points;
      out.insert(out.end(), one.begin(), one.end());
    }
  }
  return out;
}

}  // namespace

fit::Points sweep(const fit::Law& law, const std::vector<double>& values, int sizes,
                  const std::vector<double>& tokens_per_param, double noise, unsigned seed,
                  fit::Stage stage) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  const fit::Theta theta = fit::theta_from_values(law, values);
  fit::Points out;
  for (int i = 0; i < sizes; ++i) {
    const double params = 1e7 * std::pow(1e3, static_cast<double>(i) / (sizes - 1));
    for (const double ratio : tokens_per_param) {
      fit::Point point;
      point.params = params;
      point.tokens = ratio * params;
      point.stage = stage;
      point.cluster = i + (stage == fit::Stage::kContinued ? 1000 : 0);
      point.loss = fit::predicted_loss(law, theta, point.params, point.tokens, stage) *
                   std::exp(noise * normal(engine));
      out.push_back(point);
    }
  }
  return out;
}

fit::Points two_strategies(double noise, unsigned seed) {
  fit::Points out =
      sweep(fit::chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 20, {2, 5, 10, 20}, noise, seed);
  const fit::Points continued =
      sweep(fit::extended_law(), {kE, kA, kAlpha, kContinuedB, kContinuedBeta, kGamma}, 20,
            {2, 5, 10, 20}, noise, seed + 1, fit::Stage::kContinued);
  out.insert(out.end(), continued.begin(), continued.end());
  return out;
}

fit::Points reference_points(const std::string& key) {
  if (key == "olmo_ladder_c4_paper16") return olmo_paper16();
  const auto found = entries().find(key);
  if (found == entries().end()) throw std::invalid_argument("no such reference fit: " + key);
  fit::DataFileOptions options;
  options.path = data_path(found->second.file);
  options.where = found->second.where;
  options.loss = found->second.loss;
  return fit::read_data_file(options).points;
}

std::vector<std::string> reference_keys() {
  std::vector<std::string> out = {"olmo_ladder_c4_paper16"};
  for (const auto& [key, entry] : entries()) out.push_back(key);
  return out;
}

std::string data_path(std::string_view file) {
  return (std::filesystem::path("tests/data/scaling") / file).string();
}

}  // namespace planted
