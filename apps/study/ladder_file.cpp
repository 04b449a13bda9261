#include "apps/study/ladder_file.h"

#include <fmt/format.h>

#include <stdexcept>

#include "apps/study/presets.h"
#include "fit/data/records.h"
#include "sweep/spec/ladder.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::apps {
namespace {

double counted(const sweep::ModelSize& size, ParamsCount count) {
  const trainer::ParameterCount parts = trainer::count_parameters(size.shape);
  switch (count) {
    case ParamsCount::kAll:
      return static_cast<double>(parts.total());
    case ParamsCount::kWithoutEmbeddings:
      return static_cast<double>(parts.blocks + parts.norms);
    case ParamsCount::kBudget:
      return static_cast<double>(size.params_budget);
  }
  return 0;
}

std::vector<fit::LadderSize> sizes_of_shapes(const fit::Records& table, const LadderFile& file) {
  if (file.vocabulary < 1 || file.context_tokens < 1) {
    throw std::invalid_argument(fmt::format("--vocabulary {} and --context {} must be at least 1",
                                            file.vocabulary, file.context_tokens));
  }
  std::vector<fit::LadderSize> out;
  for (const sweep::ModelSize& size : sweep::sizes_in(table, file.vocabulary, file.tied_head)) {
    out.push_back({size.name, counted(size, file.count),
                   trainer::training_flops_per_token(size.shape, file.context_tokens)});
  }
  return out;
}

}  // namespace

std::vector<fit::LadderSize> read_ladder(const LadderFile& named) {
  LadderFile file = named;
  file.path = file_or_preset(named.path, ".csv");
  const fit::Records table = sweep::read_ladder_table(file.path);
  if (table.has("hidden")) return sizes_of_shapes(table, file);
  sweep::require_known_columns(table, {"name", "params", "flops_per_token"});
  std::vector<fit::LadderSize> out;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    fit::LadderSize size;
    size.name = fit::text_in(table, row, table.column("name"));
    size.params = fit::number_in(table, row, table.column("params"));
    if (table.has("flops_per_token"))
      size.flops_per_token = fit::number_in(table, row, table.column("flops_per_token"));
    out.push_back(std::move(size));
  }
  return out;
}

}  // namespace crosslaw::apps
