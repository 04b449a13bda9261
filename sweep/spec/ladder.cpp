#include "sweep/spec/ladder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <stdexcept>

#include "db/files/printable.h"
#include "fit/data/closest_name.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

constexpr double kLargestWhole = 0x1p53;  // up to here doubles hold every whole number

[[noreturn]] void fail(const fit::Records& table, std::size_t row, const std::string& reason) {
  throw std::invalid_argument(fmt::format("{}, line {}: {}", table.name, table.lines[row], reason));
}

// Comments become blank lines, so that the lines after them keep their numbers.
std::string without_comments(const std::string& text) {
  std::istringstream lines(text.substr(text.starts_with("\xEF\xBB\xBF") ? 3 : 0));
  std::string out;
  for (std::string line; std::getline(lines, line);)
    out += line.starts_with('#') ? "\n" : line + "\n";
  return out;
}

int64_t whole_number_in(const fit::Records& table, std::size_t row, std::size_t column) {
  const double value = fit::number_in(table, row, column);
  if (value < 1 || value > kLargestWhole || value != std::floor(value)) {
    fail(table, row,
         fmt::format("{} = {}: a positive whole number was expected", table.columns[column],
                     table.rows[row][column]));
  }
  return static_cast<int64_t>(value);
}

}  // namespace

fit::Records read_ladder_table(const fs::path& file) {
  return fit::parse_records(without_comments(fit::read_text(file.string())), file.string(),
                            {"name"});
}

void require_known_columns(const fit::Records& table, const std::vector<std::string>& known) {
  for (const std::string& column : table.columns) {
    if (std::find(known.begin(), known.end(), column) != known.end()) continue;
    throw std::invalid_argument(fmt::format(
        "{}: nothing reads the column '{}'{}; a ladder has {}; what is only for the eye "
        "goes into lines that start with #",
        table.name, column, fit::did_you_mean(column, known), fmt::join(known, ", ")));
  }
}

std::vector<ModelSize> sizes_in(const fit::Records& table, int64_t vocabulary, bool tied_head) {
  require_known_columns(table, {"name", "hidden", "ffn", "heads", "layers", "kv_heads", "head_dim",
                                "nominal_params"});
  const std::size_t name = table.column("name"), hidden = table.column("hidden"),
                    ffn = table.column("ffn"), heads = table.column("heads"),
                    layers = table.column("layers");
  const bool nominal = table.has("nominal_params");
  std::vector<ModelSize> sizes;
  std::set<std::string> names;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    ModelSize size;
    size.name = fit::text_in(table, row, name);
    size.shape.vocabulary = vocabulary;
    size.shape.hidden = whole_number_in(table, row, hidden);
    size.shape.ffn = whole_number_in(table, row, ffn);
    size.shape.heads = whole_number_in(table, row, heads);
    size.shape.layers = whole_number_in(table, row, layers);
    size.shape.tied_head = tied_head;
    if (table.has("kv_heads"))
      size.shape.kv_heads = whole_number_in(table, row, table.column("kv_heads"));
    if (table.has("head_dim"))
      size.shape.head_dim = whole_number_in(table, row, table.column("head_dim"));
    // Names are printed, and stand in the paths of models (from = "hf:.../{size}").
    const bool plain = db::is_plain_name(size.name) && size.name.find('/') == std::string::npos;
    if (!plain || size.name == "." || size.name == "..")
      fail(table, row,
           fmt::format("name = \"{}\": must have no '/' and no control characters", size.name));
    if (const auto messages = trainer::complaints(size.shape); !messages.empty())
      fail(table, row, messages.front());
    size.params_budget = nominal ? whole_number_in(table, row, table.column("nominal_params"))
                                 : trainer::count_parameters(size.shape).total();
    if (size.name.empty()) fail(table, row, "name is empty");
    if (!names.insert(size.name).second)
      fail(table, row, fmt::format("the name {} is there twice", size.name));
    sizes.push_back(size);
  }
  return sizes;
}

std::vector<ModelSize> read_ladder(const fs::path& file, int64_t vocabulary, bool tied_head) {
  return sizes_in(read_ladder_table(file), vocabulary, tied_head);
}

}  // namespace crosslaw::sweep
