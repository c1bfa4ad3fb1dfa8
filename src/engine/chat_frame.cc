#include "engine/chat_frame.h"

#include <fmt/format.h>

namespace tdn::engine {
namespace {

// Bytes that no template has of its own, and not white space, which templates trim.
std::string marker(std::size_t index) { return fmt::format("\x02{}\x03", index); }

std::vector<Message> with_markers(const std::vector<Message>& messages) {
  std::vector<Message> marked;
  marked.reserve(messages.size());
  for (const Message& message : messages) {
    marked.push_back({message.role, marker(marked.size())});
  }
  return marked;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

Result<ChatFrame> ChatFrame::create(const ChatTemplate& chat_template) {
  ChatFrame frame(chat_template);
  const std::vector<Message> chat = {{Role::kSystem, marker(0)},
                                     {Role::kUser, marker(1)},
                                     {Role::kAssistant, marker(2)},
                                     {Role::kUser, marker(3)}};
  TDN_TRY(const std::string plain, chat_template.apply(chat, true));
  for (std::size_t i = 0; i < frame.trims_.size(); ++i) {
    std::vector<Message> spaced = chat;
    spaced[i].content = " " + spaced[i].content + " ";
    TDN_TRY(const std::string with_spaces, chat_template.apply(spaced, true));
    frame.trims_[static_cast<std::size_t>(chat[i].role)] = with_spaces == plain;
  }
  return frame;
}

Result<std::vector<FramePart>> ChatFrame::split(const Chat& chat) const {
  TDN_TRY(const std::string whole,
          template_->apply(with_markers(chat.messages), !chat.continue_last));
  std::vector<FramePart> parts;
  std::size_t at = 0;
  for (std::size_t i = 0; i < chat.messages.size(); ++i) {
    const Message& message = chat.messages[i];
    const std::string mark = marker(i);
    const std::size_t found = whole.find(mark, at);
    if (found == std::string::npos) {
      return fail(
          Code::kInvalidRequest,
          fmt::format("this model's chat template has no place for messages[{}], of role {}; "
                      "leave it out or put it elsewhere",
                      i, to_string(message.role)));
    }
    parts.push_back({false, whole.substr(at, found - at)});
    const bool open = chat.continue_last && i + 1 == chat.messages.size();
    const bool trims = !open && trims_[static_cast<std::size_t>(message.role)];
    parts.push_back({true, trims ? std::string(trimmed(message.content)) : message.content});
    at = found + mark.size();
  }
  if (!chat.continue_last) {
    parts.push_back({false, whole.substr(at)});
  }
  return parts;
}

}  // namespace tdn::engine
