#include "apps/study/ladder_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "apps/study/presets.h"
#include "fit/data/records.h"
#include "sweep/spec/ladder.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::apps {
namespace {

// The line that names the columns: the first that is neither blank nor a comment.
std::string header_of(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (!line.empty() && line[0] != '#' && line != "\r") return line;
  }
  return "";
}

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

std::vector<fit::LadderSize> sizes_of_shapes(const LadderFile& file) {
  if (file.vocabulary < 1 || file.context_tokens < 1) {
    throw std::invalid_argument(fmt::format("--vocabulary {} and --context {} must be at least 1",
                                            file.vocabulary, file.context_tokens));
  }
  std::vector<fit::LadderSize> out;
  for (const sweep::ModelSize& size :
       sweep::read_ladder(file.path, file.vocabulary, file.tied_head)) {
    out.push_back({size.name, counted(size, file.count),
                   trainer::training_flops_per_token(size.shape, file.context_tokens)});
  }
  return out;
}

}  // namespace

std::vector<fit::LadderSize> read_ladder(const LadderFile& named) {
  LadderFile file = named;
  file.path = file_or_preset(named.path, ".csv");
  const std::string text = fit::read_text(file.path);
  if (header_of(text).find("hidden") != std::string::npos) return sizes_of_shapes(file);
  const fit::Records records = fit::parse_records(text, file.path, {"name", "params"});
  const auto& columns = records.columns;
  const bool exact = std::find(columns.begin(), columns.end(), "flops_per_token") != columns.end();
  std::vector<fit::LadderSize> out;
  for (std::size_t row = 0; row < records.rows.size(); ++row) {
    fit::LadderSize size;
    size.name = records.rows[row][records.column("name")];
    size.params = fit::number_in(records, row, records.column("params"));
    if (exact)
      size.flops_per_token = fit::number_in(records, row, records.column("flops_per_token"));
    out.push_back(std::move(size));
  }
  return out;
}

}  // namespace crosslaw::apps
