#include "apps/report/report_figures.h"

#include "apps/report/report_json.h"

// The figures of measured and predicted losses, as the page draws them.
namespace crosslaw::apps {
namespace {

PageJson losses_json(const std::vector<LossAtCompute>& losses) {
  PageJson list = PageJson::array();
  for (const LossAtCompute& at : losses) {
    list.push_back(
        {{"tokens", at.tokens}, {"flops", at.flops}, {"loss", at.loss}, {"end", at.end}});
  }
  return list;
}

PageJson curve_json(const LossCurve& curve) {
  return {{"strategy", curve.strategy},
          {"replay", curve.replay},
          {"language", curve.language},
          {"size", curve.size},
          {"params", curve.params},
          {"seed", curve.seed},
          {"points", losses_json(curve.points)}};
}

PageJson frontier_json(const LossFrontier& frontier) {
  PageJson line = PageJson::array();
  for (const LossAtCompute& at : frontier.line)
    line.push_back({{"flops", at.flops}, {"loss", at.loss}});
  return {{"strategy", frontier.strategy},
          {"replay", frontier.replay},
          {"coefficient", number_or_null(frontier.coefficient.value)},
          {"exponent", number_or_null(frontier.exponent.value)},
          {"exponent_ci95", range_or_null(frontier.exponent.ci95)},
          {"floor", frontier.floor ? number_or_null(frontier.floor->value) : PageJson(nullptr)},
          {"floor_ci95", frontier.floor ? range_or_null(frontier.floor->ci95) : PageJson(nullptr)},
          {"mean_distance", frontier.mean_distance},
          {"lowest", losses_json(frontier.lowest)},
          {"line", line}};
}

PageJson surface_json(const IsoLossSurface& surface) {
  PageJson frontier = PageJson::array(), measured = PageJson::array();
  for (const BestSize& best : surface.frontier) {
    frontier.push_back({{"flops", best.flops},
                        {"params", number_or_null(best.params.value)},
                        {"params_ci95", range_or_null(best.params.ci95)}});
  }
  for (const SizeAndCompute& at : surface.measured)
    measured.push_back({{"flops", at.flops}, {"params", at.params}});
  PageJson ratios = PageJson::array();
  for (const RatioLine& each : surface.ratios) {
    PageJson line = PageJson::array();
    for (const SizeAndCompute& at : each.line)
      line.push_back({{"flops", at.flops}, {"params", at.params}});
    ratios.push_back({{"tokens_per_param", each.tokens_per_param}, {"line", line}});
  }
  return {{"strategy", surface.strategy}, {"params", surface.params}, {"flops", surface.flops},
          {"loss", surface.loss},         {"frontier", frontier},     {"ratios", ratios},
          {"measured", measured}};
}

}  // namespace

PageJson loss_json(const LossOverCompute& loss) {
  PageJson entry = {{"compute", axis_name(loss.compute)},
                    {"curves", PageJson::array()},
                    {"frontiers", PageJson::array()}};
  for (const LossCurve& curve : loss.curves) entry["curves"].push_back(curve_json(curve));
  for (const LossFrontier& each : loss.frontiers) entry["frontiers"].push_back(frontier_json(each));
  return entry;
}

PageJson forgetting_json(const std::vector<Forgetting>& forgotten) {
  PageJson entry = {{"models", PageJson::array()}, {"rise", nullptr}};
  for (const Forgetting& each : forgotten) {
    PageJson points = PageJson::array();
    for (const SourceLoss& p : each.points)
      points.push_back({{"tokens", p.tokens}, {"loss", p.loss}, {"end", p.end}});
    entry["models"].push_back({{"strategy", each.strategy},
                               {"language", each.source_language},
                               {"size", each.size},
                               {"params", each.params},
                               {"seed", each.seed},
                               {"start_loss", number_or_null(each.start_loss)},
                               {"points", points}});
  }
  if (const std::optional<ForgettingSummary> rise = summarise(forgotten)) {
    entry["rise"] = {
        {"ends", rise->ends}, {"least", rise->least}, {"mean", rise->mean}, {"most", rise->most}};
  }
  entry["growth"] = nullptr;
  if (const std::optional<ForgettingGrowth> growth = forgetting_growth(forgotten)) {
    entry["growth"] = {{"ends", growth->ends},
                       {"constant", number_or_null(growth->constant.value)},
                       {"params_exponent", number_or_null(growth->params_exponent.value)},
                       {"params_exponent_ci95", range_or_null(growth->params_exponent.ci95)},
                       {"tokens_exponent", number_or_null(growth->tokens_exponent.value)},
                       {"tokens_exponent_ci95", range_or_null(growth->tokens_exponent.ci95)}};
  }
  return entry;
}

PageJson saving_json(const MeasuredSaving& s) {
  return {{"size", s.size},
          {"params", s.params},
          {"tokens", s.tokens},
          {"tokens_per_param", s.tokens_per_param},
          {"flops", s.flops},
          {"loss", s.loss},
          {"scratch_tokens", s.scratch_tokens},
          {"scratch_flops", s.scratch_flops},
          {"saved_fraction", s.saved_share},
          {"saved_fraction_ci95", range_or_null(s.saved_ci95)},
          {"transferred_tokens", s.transferred_tokens},
          {"transferred_tokens_ci95", range_or_null(s.transferred_ci95)},
          {"extrapolated", s.extrapolated}};
}

PageJson law_saving_json(const LawSaving& s) {
  return {{"params", s.params},
          {"tokens", s.tokens},
          {"tokens_per_param", s.tokens_per_param},
          {"saved_fraction", number_or_null(s.saved_share.value)},
          {"ci95", range_or_null(s.saved_share.ci95)},
          {"transferred_tokens", number_or_null(s.transferred_tokens.value)},
          {"transferred_tokens_ci95", range_or_null(s.transferred_tokens.ci95)}};
}

PageJson iso_loss_json(const IsoLoss& figure) {
  PageJson entry = {{"compute", axis_name(figure.compute)},
                    {"levels",
                     {{"low", figure.levels.low},
                      {"high", figure.levels.high},
                      {"start", figure.levels.start},
                      {"step", figure.levels.step}}},
                    {"surfaces", PageJson::array()}};
  for (const IsoLossSurface& each : figure.surfaces)
    entry["surfaces"].push_back(surface_json(each));
  return entry;
}

PageJson residuals_json(const std::vector<FitResidual>& residuals) {
  PageJson entry = {{"rows", PageJson::array()}, {"spread", PageJson::array()}};
  for (const FitResidual& r : residuals) {
    entry["rows"].push_back({{"strategy", r.strategy},
                             {"size", r.size},
                             {"params", r.params},
                             {"tokens", r.tokens},
                             {"observed", r.observed},
                             {"predicted", r.predicted},
                             {"residual", r.residual}});
  }
  for (const ResidualSpread& s : spread_of(residuals)) {
    entry["spread"].push_back({{"strategy", s.strategy}, {"points", s.points}, {"rms", s.rms}});
  }
  return entry;
}

}  // namespace crosslaw::apps
