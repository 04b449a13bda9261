#pragma once

#include <string>
#include <vector>

namespace crosslaw::apps {

// A table as aligned text or as CSV. Columns whose cells all look like numbers are aligned right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;
  std::string csv() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// Characters that a terminal shows for UTF-8 text, counting wide (CJK) ones twice.
size_t display_width(const std::string& text);

}  // namespace crosslaw::apps
