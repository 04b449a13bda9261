#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::fit {

using Fields = std::vector<std::string>;

[[noreturn]] void refuse_line(const std::string& name, std::size_t line, const std::string& what);

// Walks over separated text, one record at a time: fields in double quotes, which may hold "" and
// line breaks; LF, CRLF and CR; runs of blanks as one separator. Text and name outlive it.
class FieldReader {
 public:
  FieldReader(std::string_view text, const std::string& name, char separator,
              std::size_t first_line)
      : text_(text), name_(name), separator_(separator), line_(first_line) {}

  // Of the record that was read last, 1-based.
  std::size_t line() const { return record_line_; }
  // Where the next record begins: the line, and the place in the text.
  std::size_t next_line() const { return line_; }
  std::size_t next_at() const { return at_; }
  // Lines that begin with #.
  std::size_t comments() const { return comments_; }
  const std::string& last_comment() const { return last_comment_; }

  // From here on a line such as "#7,..." of so many fields is a row, and its # part of a name.
  void take_numbered_rows(std::size_t width) { numbered_width_ = width; }

  // False at the end of the text. Blank lines and comments are skipped. Throws
  // std::invalid_argument naming the line for a quote that is not closed, or text behind one.
  bool next(Fields& fields);

 private:
  bool is_comment() const;
  void skip_comment();
  void read_record(Fields& fields);
  void skip_blanks();
  void end_line();
  std::string plain();
  std::string quoted();
  std::string after_quote(std::string field);

  std::string_view text_;
  const std::string& name_;
  char separator_;
  std::size_t at_ = 0;
  std::size_t line_;
  std::size_t record_line_ = 1;
  std::size_t numbered_width_ = 0;
  std::size_t comments_ = 0;
  std::string last_comment_;
};

}  // namespace crosslaw::fit
