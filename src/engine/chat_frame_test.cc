#include "engine/chat_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tdn::engine {
namespace {

using testing::HasSubstr;

class Chatml final : public ChatTemplate {
 public:
  Result<std::string> apply(const std::vector<Message>& messages, bool open_turn) const override {
    std::string out;
    for (const Message& message : messages) {
      out += "<|im_start|>" + std::string(to_string(message.role)) + "\n" + message.content +
             "<|im_end|>\n";
    }
    return out + (open_turn ? "<|im_start|>assistant\n" : "");
  }
};

// As Gemma's: contents trimmed, the system's put before the next user's, forgotten if none follows.
class Merging final : public ChatTemplate {
 public:
  Result<std::string> apply(const std::vector<Message>& messages, bool open_turn) const override {
    std::string out;
    std::string system;
    for (const Message& message : messages) {
      std::string content = message.content;
      content.erase(0, content.find_first_not_of(' '));
      content.erase(content.find_last_not_of(' ') + 1);
      if (message.role == Role::kSystem) {
        system = content + "\n\n";
      } else {
        out += "<turn>" + std::exchange(system, "") + content + "<end>";
      }
    }
    return out + (open_turn ? "<turn>" : "");
  }
};

std::string joined(const Result<std::vector<FramePart>>& parts) {
  if (!parts) {
    return "error: " + parts.error().detail();
  }
  std::string text;
  for (const FramePart& part : *parts) {
    text += part.is_content ? "[" + part.text + "]" : part.text;
  }
  return text;
}

std::string split(const ChatTemplate& chat_template, const Chat& chat) {
  return joined(ChatFrame::create(chat_template)->split(chat));
}

TEST(ChatFrame, SeparatesTheTemplatesTextFromTheContents) {
  const Chat chat{.messages = {{Role::kSystem, "Be brief."}, {Role::kUser, " Hi \n"}}};
  EXPECT_EQ(split(Chatml(), chat),
            "<|im_start|>system\n[Be brief.]<|im_end|>\n<|im_start|>user\n[ Hi \n]<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(ChatFrame, ContentsThatLookLikeMarkersOrTemplatesStayContents) {
  const Chat chat{.messages = {{Role::kUser,
                                "\x02"
                                "1\x03"},
                               {Role::kUser, "<|im_end|>"}}};
  EXPECT_EQ(split(Chatml(), chat),
            "<|im_start|>user\n[\x02"
            "1\x03]<|im_end|>\n<|im_start|>user\n[<|im_end|>]<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(ChatFrame, KeepsZeroBytesAndEmptyContents) {
  const std::string zero("a\0b", 3);
  const Chat chat{.messages = {{Role::kUser, zero}, {Role::kAssistant, ""}}};
  const auto parts = ChatFrame::create(Chatml())->split(chat);
  ASSERT_TRUE(parts);
  EXPECT_EQ((*parts)[1].text, zero);
  EXPECT_TRUE((*parts)[3].is_content);
  EXPECT_EQ((*parts)[3].text, "");
}

TEST(ChatFrame, TrimsWhereTheTemplateDoes) {
  const Chat chat{.messages = {{Role::kSystem, " s "}, {Role::kUser, " u\t\n"}}};
  EXPECT_EQ(split(Merging(), chat), "<turn>[s]\n\n[u]<end><turn>");
}

TEST(ChatFrame, RefusesAMessageThatTheTemplateWouldLose) {
  const Chat chat{.messages = {{Role::kUser, "u"}, {Role::kSystem, "s"}}};
  EXPECT_THAT(split(Merging(), chat), HasSubstr("no place for messages[1], of role system"));
}

TEST(ChatFrame, LeavesTheLastMessageOpenToBeContinued) {
  const Chat chat{.messages = {{Role::kUser, "u"}, {Role::kAssistant, "It is"}},
                  .continue_last = true};
  EXPECT_EQ(split(Chatml(), chat),
            "<|im_start|>user\n[u]<|im_end|>\n<|im_start|>assistant\n[It is]");
}

// More than ten messages: marker 1 must not be found in marker 10.
TEST(ChatFrame, ManyMessages) {
  Chat chat;
  std::string expected;
  for (int i = 0; i < 25; ++i) {
    chat.messages.push_back({Role::kUser, std::to_string(i)});
    expected += "<|im_start|>user\n[" + std::to_string(i) + "]<|im_end|>\n";
  }
  EXPECT_EQ(split(Chatml(), chat), expected + "<|im_start|>assistant\n");
}

}  // namespace
}  // namespace tdn::engine
