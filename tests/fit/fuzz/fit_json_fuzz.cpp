// Feeds the reader of saved fits, and allocates whatever it accepts.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "fit/write/allocation_table.h"
#include "fit/write/fit_json.h"
#include "fit/write/fit_text.h"
#include "tests/fit/fuzz/require.h"
#include "tests/fit/fuzz/target.h"

namespace fit = crosslaw::fit;

namespace {

// What to_json writes must read back as the same fit, hence as the same text.
void check_round_trip(const fit::FitResult& fit) {
  const nlohmann::ordered_json once = fit::to_json(fit);
  const std::string text = fit::pretty(once);
  const nlohmann::json parsed = nlohmann::json::parse(text);
  const fit::FitResult again = fit::fit_from_json(parsed, "written");
  require(fit::to_json(again).dump() == once.dump(), "a fit that does not read back equal");
  require(again.theta == fit.theta, "theta changed on the way");
}

void check_allocation(const fit::FitResult& fit) {
  fit::AllocationOptions options;
  options.flops = {1e15, 1e21, 1e30};
  options.ladder = {{"small", 1e8, std::nullopt}, {"large", 1e10, 7e10}};
  for (const bool accept : {false, true}) {
    options.accept_unidentified = accept;
    const fit::AllocationReport report = fit::report_allocation(fit, options);
    for (const fit::Allocation& strategy : report.strategies) {
      require(strategy.rows.empty() == !strategy.refused.empty(), "neither rows nor a refusal");
    }
    for (const auto format : {fit::TableFormat::kText, fit::TableFormat::kLatex}) {
      fit::render(fit::allocation_table(report), format);
      fit::render(fit::saving_table(report), format);
    }
    fit::render(fit::allocation_csv(report), fit::TableFormat::kCsv);
    require(nlohmann::json::parse(fit::pretty(fit::to_json(report))).is_object(), "no JSON");
  }
  fit::describe(fit);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  fit::FitResult fit;
  try {
    fit = fit::fit_from_json(json, "fuzz");
  } catch (const std::invalid_argument&) {
    return 0;
  }
  check_round_trip(fit);
  check_allocation(fit);
  return 0;
}
