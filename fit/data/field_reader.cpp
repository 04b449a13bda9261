#include "fit/data/field_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <utility>

#include "fit/data/number_text.h"

namespace crosslaw::fit {

void refuse_line(const std::string& name, std::size_t line, const std::string& what) {
  throw std::invalid_argument(fmt::format("{}, line {}: {}", name, line, what));
}

bool FieldReader::next(Fields& fields) {
  while (at_ < text_.size()) {
    record_line_ = line_;
    fields.clear();
    if (is_comment()) {
      skip_comment();
      continue;
    }
    read_record(fields);
    const bool blank = fields.size() == 1 && trimmed(fields[0]).empty();
    if (!blank) return true;
  }
  return false;
}

bool FieldReader::is_comment() const {
  if (text_[at_] != '#' || is_error_of_spreadsheet(text_.substr(at_, 8))) return false;
  const bool number =
      at_ + 1 < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0;
  if (numbered_width_ == 0 || !number) return true;
  FieldReader ahead = *this;
  Fields fields;
  try {
    ahead.read_record(fields);
  } catch (const std::invalid_argument&) {  // quotes of prose
    return true;
  }
  return fields.size() != numbered_width_;
}

void FieldReader::skip_comment() {
  const std::size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
  last_comment_ = trimmed(text_.substr(at_ + 1, end - at_ - 1));
  ++comments_;
  at_ = end;
  end_line();
}

void FieldReader::read_record(Fields& fields) {
  skip_blanks();
  for (;;) {
    fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
    if (at_ >= text_.size()) return;
    const char c = text_[at_];
    if (c != separator_) return end_line();
    ++at_;
    skip_blanks();
    const bool done = at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
    if (separator_ == ' ' && done) return end_line();
  }
}

// Runs of blanks are one separator.
void FieldReader::skip_blanks() {
  while (separator_ == ' ' && at_ < text_.size() && text_[at_] == ' ') ++at_;
}

void FieldReader::end_line() {
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  const bool after_return = at_ > 0 && text_[at_ - 1] == '\r';
  if (at_ < text_.size() && text_[at_] == '\n') {
    ++at_;
  } else if (!after_return) {
    return;  // the end of the text
  }
  ++line_;
}

std::string FieldReader::plain() {
  const std::size_t start = at_;
  while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' &&
         text_[at_] != '\r') {
    ++at_;
  }
  return std::string(text_.substr(start, at_ - start));
}

std::string FieldReader::quoted() {
  std::string out;
  for (++at_; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        out += '"';
        ++at_;
        continue;
      }
      ++at_;
      return after_quote(std::move(out));
    }
    if (c == '\n') ++line_;
    out += c;
  }
  refuse_line(name_, record_line_, "a field in double quotes is never closed");
}

std::string FieldReader::after_quote(std::string field) {
  while (at_ < text_.size() && text_[at_] == ' ' && separator_ != ' ') ++at_;
  const bool ends =
      at_ >= text_.size() || text_[at_] == separator_ || text_[at_] == '\n' || text_[at_] == '\r';
  if (!ends) refuse_line(name_, record_line_, "text follows the closing quote of a field");
  return field;
}

}  // namespace crosslaw::fit
