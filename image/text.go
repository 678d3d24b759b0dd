package image

import (
	"encoding/json"
	"unicode/utf8"
)

// Text is a string of bytes that is nearly always UTF-8, such as a file's
// path. In JSON it is a string when it is UTF-8, else {"base64": "…"}, so no
// byte is lost: encoding/json alone would replace the bad ones.
type Text string

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(rawText{[]byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var raw rawText
		err := json.Unmarshal(data, &raw)
		*t = Text(raw.Base64)
		return err
	}
	return json.Unmarshal(data, (*string)(t))
}

type rawText struct {
	Base64 []byte `json:"base64"`
}
