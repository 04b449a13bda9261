#include "apps/study/law_contrast.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "fit/solve/fitter.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

constexpr const char* kGamma = "gamma";

LawOnRuns describe_fit(const fit::FitResult& fit, const fit::Points& points,
                       const std::string& runs) {
  LawOnRuns out;
  out.law = fit.law->name;
  out.runs = runs;
  out.points = fit.points;
  out.rms = fit.certificate.rms_log_residual;
  out.huber = fit.objective / fit.points;
  out.identifiable = fit.identifiable;
  for (const fit::Point& p : points) {
    const double predicted = fit::predicted_loss(*fit.law, fit.theta, p.params, p.tokens, p.stage);
    out.mean_error += std::abs(std::log(predicted / p.loss)) / static_cast<double>(points.size());
  }
  if (fit.law->has(kGamma)) {
    const fit::Coefficient& gamma = fit.coefficient(kGamma);
    out.gamma = {gamma.value, gamma.se, gamma.ci95, 0};
  }
  return out;
}

// Draw by draw; the fits are of different runs, so that their draws are independent.
fit::Estimate gamma_difference(const fit::FitResult& scratch, const fit::FitResult& continued) {
  const int at = scratch.law->index(kGamma);
  std::vector<std::optional<double>> draws;
  const auto rows = std::min(scratch.draws.rows(), continued.draws.rows());
  for (Eigen::Index row = 0; row < rows; ++row)
    draws.emplace_back(continued.draws(row, at) - scratch.draws(row, at));
  return fit::summarise(continued.value(kGamma) - scratch.value(kGamma), draws);
}

fit::Estimate estimate_from(const nlohmann::json& json) {
  fit::Estimate out;
  if (!json.at("value").is_null()) out.value = json.at("value").get<double>();
  if (!json.at("se").is_null()) out.se = json.at("se").get<double>();
  if (!json.at("ci95").is_null())
    out.ci95 = fit::Range{json.at("ci95").at(0).get<double>(), json.at("ci95").at(1).get<double>()};
  return out;
}

}  // namespace

LawContrast law_contrast(const Dataset& both, const fit::FitOptions& options) {
  LawContrast out;
  std::optional<fit::FitResult> extended[2];
  for (const fit::Stage stage : {fit::Stage::kScratch, fit::Stage::kContinued}) {
    const std::string runs = stage == fit::Stage::kScratch ? "scratch" : "continued";
    const fit::Points points = fit::select_stage(both.data.points, stage);
    for (const char* law : {"chinchilla", "extended"}) {
      fit::FitOptions settings = options;
      settings.law = law;
      settings.constraints.clear();
      // Of other draws than the runs from scratch: one stream for both would tie their noise.
      if (stage == fit::Stage::kContinued) settings.seed += 1000003;
      try {
        fit::FitResult fit = fit::fit_law(points, settings);
        out.laws.push_back(describe_fit(fit, points, runs));
        if (!fit.identifiable && fit.law->has(kGamma) && !fit.problems.empty())
          out.problems.push_back(fmt::format("extended, {}: {}", runs, fit.problems.front()));
        if (fit.law->has(kGamma)) extended[stage == fit::Stage::kContinued] = std::move(fit);
      } catch (const std::invalid_argument& error) {
        out.problems.push_back(fmt::format("{}, {}: no fit: {}", law, runs, error.what()));
      }
    }
  }
  for (const LawOnRuns& each : out.laws) {
    if (each.gamma.value)
      (each.runs == "scratch" ? out.gamma_scratch : out.gamma_continued) = each.gamma;
  }
  if (extended[0] && extended[1])
    out.gamma_difference = gamma_difference(*extended[0], *extended[1]);
  return out;
}

nlohmann::ordered_json to_json(const LawContrast& contrast) {
  nlohmann::ordered_json laws = nlohmann::ordered_json::array();
  for (const LawOnRuns& each : contrast.laws) {
    laws.push_back({{"law", each.law},
                    {"runs", each.runs},
                    {"points", each.points},
                    {"rms", each.rms},
                    {"mean_error", each.mean_error},
                    {"huber", each.huber},
                    {"gamma", fit::estimate_json(each.gamma)},
                    {"identifiable", each.identifiable}});
  }
  return {{"laws", laws},
          {"gamma_scratch", fit::estimate_json(contrast.gamma_scratch)},
          {"gamma_continued", fit::estimate_json(contrast.gamma_continued)},
          {"gamma_difference", fit::estimate_json(contrast.gamma_difference)},
          {"problems", contrast.problems}};
}

LawContrast law_contrast_from_json(const nlohmann::json& json) {
  LawContrast out;
  for (const nlohmann::json& each : json.at("laws")) {
    out.laws.push_back({each.at("law"), each.at("runs"), each.at("points"), each.at("rms"),
                        each.at("mean_error"), each.at("huber"), estimate_from(each.at("gamma")),
                        each.at("identifiable")});
  }
  out.gamma_scratch = estimate_from(json.at("gamma_scratch"));
  out.gamma_continued = estimate_from(json.at("gamma_continued"));
  out.gamma_difference = estimate_from(json.at("gamma_difference"));
  out.problems = json.at("problems").get<std::vector<std::string>>();
  return out;
}

std::string describe(const LawContrast& contrast) {
  const auto shown = [](const fit::Estimate& e) {
    std::string out = fmt::format("{:+.3f}", *e.value);
    if (e.ci95) out += fmt::format(" [{:+.3f}, {:+.3f}]", e.ci95->low, e.ci95->high);
    return out;
  };
  const fit::Estimate& difference = contrast.gamma_difference;
  if (!difference.value) return "";
  const std::string verdict = !difference.ci95            ? "without an interval"
                              : difference.ci95->low > 0  ? "larger when continued"
                              : difference.ci95->high < 0 ? "smaller when continued"
                                                          : "the runs cannot tell them apart";
  return fmt::format("gamma of the extended law: {} continued, {} from scratch, difference {}: {}.",
                     shown(contrast.gamma_continued), shown(contrast.gamma_scratch),
                     shown(difference), verdict);
}

}  // namespace crosslaw::apps
