#include "apps/report/report_pairs.h"

#include "apps/report/report_figures.h"
#include "apps/study/budget_allocation.h"
#include "apps/study/language_curves.h"
#include "apps/study/reported_fits.h"
#include "apps/study/transfer_json.h"

namespace crosslaw::apps {
namespace {

using json = PageJson;

std::string subject_name(FitSubject subject) {
  return subject == FitSubject::kScratch     ? "scratch"
         : subject == FitSubject::kContinued ? "continued"
                                             : "both";
}

// The page writes B' and beta' for the continued runs' own coefficients.
std::string page_name(const ReportedFit& reported, const std::string& coefficient) {
  const std::size_t suffix = coefficient.find("_continued");
  if (suffix != std::string::npos) return coefficient.substr(0, suffix) + "'";
  const bool own = coefficient == "B" || coefficient == "beta";
  return reported.subject == FitSubject::kContinued && own ? coefficient + "'" : coefficient;
}

json fit_json(const ReportedFit& reported) {
  const fit::FitResult& fit = reported.fit;
  json coefficients = json::object();
  for (const fit::Coefficient& c : fit.coefficients) {
    coefficients[page_name(reported, c.name)] = {{"value", number_or_null(c.value)},
                                                 {"se", number_or_null(c.se)},
                                                 {"ci95", range_or_null(c.ci95)},
                                                 {"held", c.frozen}};
  }
  return {{"name", reported.name},
          {"subject", subject_name(reported.subject)},
          {"law", fit.law->name},
          {"points", fit.points},
          {"objective", fit.objective},
          {"identifiable", fit.identifiable},
          {"coefficients", coefficients},
          {"rms_residual", fit.certificate.rms_log_residual},
          {"problems", fit.problems},
          {"condition", number_or_null(fit.certificate.condition)},
          {"starts", fit.certificate.starts},
          {"starts_at_best", fit.certificate.starts_at_best}};
}

json side_json(const std::optional<fit::AllocationRow>& row) {
  if (!row) return nullptr;
  json side = {{"params", number_or_null(row->params.value)},
               {"params_ci95", range_or_null(row->params.ci95)},
               {"tokens", number_or_null(row->tokens.value)},
               {"tokens_ci95", range_or_null(row->tokens.ci95)},
               {"loss", number_or_null(row->loss.value)},
               {"loss_ci95", range_or_null(row->loss.ci95)}};
  if (row->nearest) {
    side["nearest_size"] = row->nearest->size.name;
    side["nearest_params"] = row->nearest->size.params;
  }
  return side;
}

json allocation_json(const fit::FitResult& fit, const BudgetAllocations& budgets) {
  const ComputeCount compute = fit.compute ? ComputeCount::kExact : ComputeCount::kSixNd;
  json entry = {
      {"compute", axis_name(compute)}, {"rows", json::array()}, {"growth", json::array()}};
  for (const auto& [strategy, line] : budgets.growth) {
    entry["growth"].push_back({{"strategy", strategy},
                               {"params_constant", number_or_null(line.at_optimum.params_constant)},
                               {"params_exponent", number_or_null(line.params_exponent.value)},
                               {"params_exponent_ci95", range_or_null(line.params_exponent.ci95)},
                               {"tokens_constant", number_or_null(line.at_optimum.tokens_constant)},
                               {"tokens_exponent", number_or_null(line.tokens_exponent.value)},
                               {"tokens_exponent_ci95", range_or_null(line.tokens_exponent.ci95)}});
  }
  for (const BudgetAllocation& each : budgets.rows) {
    entry["rows"].push_back({{"flops", each.flops},
                             {"scratch", side_json(each.scratch)},
                             {"continued", side_json(each.continued)},
                             {"loss_difference", number_or_null(each.loss_difference.value)},
                             {"loss_difference_ci95", range_or_null(each.loss_difference.ci95)},
                             {"warnings", each.warnings}});
  }
  return entry;
}

json language_curves_json(const std::vector<LanguageCurve>& curves) {
  json list = json::array();
  for (const LanguageCurve& curve : curves) {
    json points = json::array();
    for (const LanguageCurve::At& at : curve.points)
      points.push_back(
          {{"flops", at.flops}, {"tokens", at.tokens}, {"loss", at.loss}, {"end", at.end}});
    list.push_back({{"strategy", curve.strategy},
                    {"language", curve.language},
                    {"source", curve.source},
                    {"replay", curve.replay},
                    {"size", curve.size},
                    {"params", curve.params},
                    {"seed", curve.seed},
                    {"points", points}});
  }
  return list;
}

json transfer_part(const std::optional<PairTransfer>& transfer) {
  if (!transfer) return nullptr;
  json out = {{"fit", text_or_null(transfer->fit)},
              {"reason", text_or_null(transfer->reason)},
              {"doubt", text_or_null(transfer->doubt)}};
  out.update(to_json(transfer->findings));
  return out;
}

json contrast_part(const std::optional<LawContrast>& contrast) {
  if (!contrast) return nullptr;
  json out = {{"sentence", text_or_null(describe(*contrast))}};
  out.update(to_json(*contrast));
  return out;
}

}  // namespace

PageJson pair_json(const Observations& observations, const PairFits& fits,
                   const std::optional<PairTransfer>& transfer) {
  const LanguagePair& pair = fits.pair;
  const std::vector<MeasuredSaving> savings = measured_savings(
      observations, pair, transfer ? transfer->findings.noise : fit::LossScatter{});
  json entry = {{"language", pair.language},
                {"source_language", text_or_null(pair.source_language)},
                {"scratch", pair.scratch},
                {"continued", text_or_null(pair.continued)},
                {"replay", pair.replay},
                {"headline", headline(pair, summarise(savings))},
                {"headline_pattern", headline(pair, summarise(savings), {"{source}", "{target}"})},
                {"fits", json::array()},
                {"savings", json::array()},
                {"savings_law", json::array()},
                {"forgetting", forgetting_json(forgetting(observations, pair))},
                {"transfer", transfer_part(transfer)},
                {"contrast", contrast_part(fits.contrast)},
                {"language_curves", language_curves_json(language_curves(observations, pair))},
                {"contours", iso_loss_json(iso_loss(observations, fits))},
                {"allocation", nullptr},
                {"residuals", nullptr}};
  for (const ReportedFit& each : reported_fits(fits)) entry["fits"].push_back(fit_json(each));
  for (const MeasuredSaving& each : savings) entry["savings"].push_back(saving_json(each));
  entry["chosen"] = {{"fit", text_or_null(fits.choice.name)},
                     {"reason", text_or_null(fits.choice.reason)}};
  const fit::FitResult* best = fits.find(fits.choice.name);
  if (!best) return entry;
  entry["allocation"] = allocation_json(*best, allocate_budgets(*best, observations, pair));
  entry["residuals"] = residuals_json(fit_residuals(observations, pair, *best));
  if (best->law->parts.empty()) return entry;
  for (const LawSaving& each : law_savings(*best))
    entry["savings_law"].push_back(law_saving_json(each));
  return entry;
}

}  // namespace crosslaw::apps
