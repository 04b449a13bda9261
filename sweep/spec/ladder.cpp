#include "sweep/spec/ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>

#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& file, size_t line, const std::string& reason) {
  throw std::invalid_argument(fmt::format("{}:{}: {}", file.string(), line, reason));
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields(1);
  for (char c : line) {
    if (c == ',') {
      fields.emplace_back();
    } else if (c != '\r' && c != ' ' && c != '"') {
      fields.back() += c;
    }
  }
  return fields;
}

// One line of the ladder, by column name.
class Row {
 public:
  Row(const fs::path& file, size_t line, const std::vector<std::string>& header,
      std::vector<std::string> fields)
      : file_(file), line_(line), header_(header), fields_(std::move(fields)) {
    if (fields_.size() != header_.size())
      fail(file_, line_,
           fmt::format("{} fields, the header has {}", fields_.size(), header_.size()));
  }

  const std::string& text(const std::string& column) const {
    auto at = std::find(header_.begin(), header_.end(), column);
    if (at == header_.end())
      fail(file_, 1,
           fmt::format("column {} is missing (needed: name, hidden, ffn, heads, layers)", column));
    return fields_[static_cast<size_t>(at - header_.begin())];
  }

  int64_t positive(const std::string& column) const {
    const std::string& field = text(column);
    int64_t value = 0;
    auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || end != field.data() + field.size() || value < 1) {
      fail(file_, line_,
           fmt::format("{} = \"{}\": a positive whole number was expected", column, field));
    }
    return value;
  }

 private:
  const fs::path& file_;
  size_t line_;
  const std::vector<std::string>& header_;
  std::vector<std::string> fields_;
};

ModelSize read_size(const Row& row, int64_t vocabulary, bool tied_head, bool nominal) {
  ModelSize size;
  size.name = row.text("name");
  size.shape.vocabulary = vocabulary;
  size.shape.hidden = row.positive("hidden");
  size.shape.ffn = row.positive("ffn");
  size.shape.heads = row.positive("heads");
  size.shape.layers = row.positive("layers");
  size.shape.tied_head = tied_head;
  size.params_budget =
      nominal ? row.positive("nominal_params") : trainer::count_parameters(size.shape).total();
  return size;
}

}  // namespace

std::vector<ModelSize> read_ladder(const fs::path& file, int64_t vocabulary, bool tied_head) {
  std::ifstream input(file);
  if (!input || fs::is_directory(file))
    throw std::invalid_argument(fmt::format("{}: the ladder cannot be read", file.string()));
  std::vector<ModelSize> sizes;
  std::vector<std::string> header;
  std::set<std::string> names;
  std::string line;
  for (size_t number = 1; std::getline(input, line); ++number) {
    if (line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (line.empty() || line == "\r" || line[0] == '#') continue;
    if (header.empty()) {
      header = split(line);
      continue;
    }
    Row row(file, number, header, split(line));
    bool nominal = std::find(header.begin(), header.end(), "nominal_params") != header.end();
    ModelSize size = read_size(row, vocabulary, tied_head, nominal);
    if (size.name.empty()) fail(file, number, "name is empty");
    if (!names.insert(size.name).second)
      fail(file, number, fmt::format("the name {} is there twice", size.name));
    if (auto messages = trainer::problems(size.shape); !messages.empty())
      fail(file, number, messages.front());
    sizes.push_back(size);
  }
  if (sizes.empty())
    throw std::invalid_argument(fmt::format("{}: the ladder is empty", file.string()));
  return sizes;
}

}  // namespace crosslaw::sweep
